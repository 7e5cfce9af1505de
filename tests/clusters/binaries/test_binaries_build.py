"""Building from Go modules: the way out where there is no release."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clusters.binaries import Policy, Resolver, ensure_binaries
from clusters.binaries.build import go_command, go_version, required_go
from clusters.errors import ClusterError, CommandError, InputInvalid, PreflightError
from clusters.phases import Phase

if TYPE_CHECKING:
    from tests.clusters.binaries.conftest import FileServer

needs_go = pytest.mark.skipif(go_command() is None, reason="Go is not installed")


def run(binary: Path) -> str:
    return subprocess.run([binary], capture_output=True, text=True, check=True).stdout


@needs_go
def test_an_absent_release_is_built_instead_and_the_reason_is_told(
    resolver: Resolver, server: FileServer
) -> None:
    phases: list[Phase] = []

    [tool] = resolver.resolve(["tool"], phases.append)

    assert tool.source == "build"
    assert run(tool.path) == "built v1.0.0\n"
    assert phases[0].name == "binary-fallback"
    assert phases[0].message == (
        f"tool v1.0.0 is built here, since {server.url}.sha256 answered 404"
    )
    assert (phases[-1].name, phases[-1].percent) == ("binary-build", 100)
    assert resolver.slot("tool").origin().reference == "example.org/tool"


@needs_go
def test_a_refused_connection_is_built_instead(resolver: Resolver, server: FileServer) -> None:
    server.close()

    [tool] = resolver.resolve(["tool"])

    assert tool.source == "build"


@needs_go
def test_a_wrong_checksum_is_built_instead_and_said(resolver: Resolver, server: FileServer) -> None:
    server.offer(checksum_of=b"what the publisher released")
    phases: list[Phase] = []

    [tool] = resolver.resolve(["tool"], phases.append)

    assert run(tool.path) == "built v1.0.0\n"
    assert any("has the wrong checksum and was thrown away" in p.message for p in phases)


@needs_go
def test_a_proxy_that_cannot_be_used_is_built_instead_and_said(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://127.0.0.1:1")
    phases: list[Phase] = []

    [tool] = resolver.resolve(["tool"], phases.append)

    assert tool.source == "build"
    assert "the proxy that the environment names cannot be used" in phases[0].message


@needs_go
def test_a_build_asks_no_server_when_only_builds_are_wanted(
    resolver: Resolver, server: FileServer
) -> None:
    server.offer()

    [tool] = replace(resolver, policy=Policy.BUILD).resolve(["tool"])

    assert tool.source == "build"
    assert server.requests == []


@needs_go
def test_a_build_ignores_what_the_shell_says_about_go(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=mod -nonsense")
    monkeypatch.setenv("GOOS", "plan9")
    monkeypatch.setenv("CGO_ENABLED", "1")

    [tool] = resolver.resolve(["tool"])

    assert run(tool.path) == "built v1.0.0\n"


@needs_go
def test_a_build_never_changes_the_module(resolver: Resolver) -> None:
    module = resolver.sources / "tool"
    before = {path: path.read_bytes() for path in module.iterdir()}

    resolver.resolve(["tool"])

    assert {path: path.read_bytes() for path in module.iterdir()} == before


@needs_go
def test_a_module_that_go_sum_does_not_know_is_refused(resolver: Resolver) -> None:
    module = resolver.sources / "tool"
    (module / "main.go").write_text('package main\n\nimport _ "rsc.io/quote"\n\nfunc main() {}\n')

    with pytest.raises(CommandError, match=r"(?s)go list failed .*rsc\.io/quote"):
        resolver.resolve(["tool"])

    assert not resolver.slot("tool").filled


@needs_go
def test_a_program_that_does_not_compile_says_what_the_compiler_said(resolver: Resolver) -> None:
    (resolver.sources / "tool" / "main.go").write_text("package main\n\nfunc main() { nothing }\n")

    with pytest.raises(CommandError, match=r"main\.go:3:15: undefined: nothing"):
        resolver.resolve(["tool"])


def test_a_missing_go_says_what_to_do_and_why_it_is_needed(
    resolver: Resolver, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("clusters.binaries.build._USUAL_PLACE", "/nowhere/go")

    with pytest.raises(PreflightError) as caught:
        resolver.resolve(["tool"])

    assert str(caught.value) == (
        f"tool v1.0.0: {server.url}.sha256 answered 404, and Go 1.21 or newer is needed to build "
        "it and is not installed: install Go (https://go.dev/doc/install) and put it on PATH"
    )


def test_a_go_that_is_too_old_says_what_to_do(
    resolver: Resolver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go = tmp_path / "go"
    fake_go.write_text("#!/bin/sh\necho go1.19.8\n")
    fake_go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(PreflightError, match=rf"Go 1\.21 or newer .* {fake_go} is 1\.19\.8: "):
        resolver.resolve(["tool"])


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("go1.27rc1", (1, 27)),
        ("devel go1.28-abcdef", (1, 28)),
        ("", ()),
    ],
)
def test_the_version_of_go_is_understood(
    tmp_path: Path, printed: str, version: tuple[int, ...]
) -> None:
    fake_go = tmp_path / "go"
    fake_go.write_text(f"#!/bin/sh\necho {printed}\n")
    fake_go.chmod(0o755)

    assert go_version(str(fake_go)) == version


def test_a_go_that_cannot_be_run_has_no_version(tmp_path: Path) -> None:
    assert go_version(str(tmp_path / "go")) == ()


def test_a_module_says_which_go_it_needs(sources: Path) -> None:
    assert required_go(sources / "tool") == (1, 21)


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("ASSAY_BINARIES", "always", "ASSAY_BINARIES=always: use auto, download, build"),
        ("ASSAY_BINARIES_MIRROR", "files", "ASSAY_BINARIES_MIRROR=files: use a URL"),
        ("ASSAY_BINARIES_MIRROR", "http://", "ASSAY_BINARIES_MIRROR=http://: use a URL"),
        (
            "ASSAY_BINARIES_MIRROR",
            "http://f:port",
            "MIRROR=http://f:port: use a URL",
        ),
    ],
)
def test_a_wrong_setting_is_one_clear_sentence(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, told: str
) -> None:
    monkeypatch.setenv(setting, value)

    with pytest.raises(InputInvalid, match=told):
        ensure_binaries(["etcd"])


def test_a_cache_that_cannot_be_written_is_one_clear_sentence(
    resolver: Resolver, cache: Path
) -> None:
    cache.mkdir()
    (cache / "bin").write_text("a file where a folder belongs")

    with pytest.raises(ClusterError, match="choose another folder with ASSAY_CACHE"):
        resolver.resolve(["tool"])


@needs_go
@pytest.mark.build
@pytest.mark.timeout(1500)
def test_a_pinned_module_builds_the_program_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_BINARIES", "build")
    phases: list[Phase] = []

    kubectl = ensure_binaries(["kubectl"], phases.append)["kubectl"]

    command = [str(kubectl), "version", "--client", "--output", "json"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(said)["clientVersion"]["gitVersion"] == "v1.37.2"
    assert phases[-1].percent == 100
