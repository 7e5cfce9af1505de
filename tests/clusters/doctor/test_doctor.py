"""The diagnosis and the command, on the real host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from clusters.cli.doctor import doctor
from clusters.doctor import Finding, State, diagnose
from clusters.doctor.diagnosis import ProviderDiagnosis, probe_all
from clusters.errors import NotFound
from clusters.providers.embedded import EmbeddedProvider

DEVELOPERS_CACHE = os.environ.get("ASSAY_CACHE")
"""Where this machine's binaries are; the other tests must not see them."""


@pytest.fixture(autouse=True)
def empty_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that has nothing yet."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ASSAY_PROVIDER", raising=False)


def test_this_host_is_looked_at_from_every_side() -> None:
    diagnosis = diagnose()

    assert [finding.name for finding in diagnosis.findings] == [
        "Python",
        "Node.js",
        "Go",
        "Binaries",
        "Disk for state",
        "Disk for cache",
        "Memory",
        "Cores",
        "Port 8000",
        "Network namespaces",
        "Networks of clusters",
        "Learner accounts",
        "vLLM",
        "Docker",
        "Control groups",
        "CAP_SYS_RESOURCE",
        "Node image",
        "NVIDIA GPUs",
        "GPUs for nodes",
    ]
    assert not [f for f in diagnosis.findings if f.found.startswith("could not be looked at")]
    assert all(finding.fix for finding in diagnosis.findings if finding.state is not State.OK)
    assert diagnosis.assurance in ("practice", "isolated")


def test_an_empty_cache_means_not_ready_with_the_providers_own_sentence() -> None:
    diagnosis = diagnose()

    [embedded] = [known for known in diagnosis.providers if known.name == "embedded"]
    assert not diagnosis.ready
    assert embedded.lacks == tuple(EmbeddedProvider().preflight())
    assert "kube-apiserver" in embedded.lacks[0]


def test_a_provider_that_this_version_does_not_have_is_not_ready() -> None:
    [planned] = [known for known in diagnose().providers if known.name == "kubernetes"]

    assert (planned.installed, planned.ready) == (False, False)


def test_kind_is_not_ready_without_docker_and_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    [kind] = [known for known in diagnose().providers if known.name == "kind"]

    assert kind.installed
    assert kind.capabilities == ("containers", "networking", "scheduling")
    assert kind.lacks == ("Docker is not installed: `assay doctor --fix` sets it up",)


def test_nothing_is_made_on_the_way(tmp_path: Path) -> None:
    diagnose()

    assert list(tmp_path.iterdir()) == []


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(NotFound, match="no cluster provider 'nowhere'"):
        diagnose("nowhere")


def test_a_provider_that_lacks_nothing_is_ready() -> None:
    assert ProviderDiagnosis("x", installed=True).ready
    assert not ProviderDiagnosis("x", installed=True, lacks=("Docker",)).ready


def test_a_probe_that_hangs_or_breaks_does_not_take_the_others_with_it() -> None:
    release = threading.Event()

    def hang() -> Finding:
        release.wait(60)
        return Finding("hangs", State.OK, "")

    def break_down() -> Finding:
        raise PermissionError(13, "Permission denied")

    good = Finding("good", State.OK, "fine")
    found = probe_all({"hangs": hang, "breaks": break_down, "good": lambda: good}, 0.3)
    release.set()

    assert [finding.found for finding in found] == [
        "could not be looked at: no answer in 0.3 s",
        "could not be looked at: [Errno 13] Permission denied",
        "fine",
    ]


def test_the_command_leaves_with_3_and_says_what_to_do_when_nothing_can_run() -> None:
    result = CliRunner().invoke(doctor, [])

    assert result.exit_code == 3
    assert "✗" in result.output
    assert "assay binaries fetch" in result.output
    assert "Not ready" in result.output


def test_json_is_one_document_and_nothing_else() -> None:
    result = CliRunner().invoke(doctor, ["--json"])

    said = json.loads(result.stdout)
    assert (said["ready"], said["provider"]) == (False, "embedded")
    assert {"name", "state", "found", "fix", "group"} == set(said["findings"][0])
    assert {"name", "installed", "ready", "capabilities", "lacks"} == set(said["providers"][0])


def test_the_installed_command_ends_without_a_traceback() -> None:
    assay = Path(sys.executable).with_name("assay")

    done = subprocess.run([str(assay), "doctor"], capture_output=True, text=True, timeout=60)

    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "This host" in done.stdout


@pytest.mark.cluster
def test_a_host_with_every_binary_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    if DEVELOPERS_CACHE is None:
        monkeypatch.delenv("ASSAY_CACHE")
    else:
        monkeypatch.setenv("ASSAY_CACHE", DEVELOPERS_CACHE)

    result = CliRunner().invoke(doctor, [])

    assert result.exit_code == 0, result.output
    assert "Ready `embedded` can make clusters." in result.output
