"""Binaries out of Python packages; pip is asked for real, of a folder in place of an index."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from clusters.binaries import Policy, Resolver
from clusters.binaries.lock import load_lock
from clusters.errors import CommandError, InputInvalid, PreflightError

NAME = "tool_server-1.0.0-py3-none-manylinux_2_31_x86_64.whl"
LOCK = """
apiVersion: assay.dev/v1
kind: BinaryLock
binaries:
  tool:
    version: v1.0.0
    wheel:
      project: tool-server
      version: 1.0.0
      member: tool/_bin/tool
      sha256: {{linux/amd64: '{sha256}'}}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that pip finds in a folder, and nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / NAME, "w") as archive:
        archive.writestr("tool/_bin/tool", "#!/bin/sh\necho from the package\n")
        prefix = "tool_server-1.0.0.dist-info"
        archive.writestr(f"{prefix}/METADATA", "Name: tool-server\nVersion: 1.0.0\n")
        archive.writestr(f"{prefix}/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr(f"{prefix}/RECORD", "")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder / NAME


def resolver(tmp_path: Path, sha256: str, platform: str = "linux/amd64") -> Resolver:
    path = tmp_path / "lock.yaml"
    path.write_text(LOCK.format(sha256=sha256))
    return Resolver(load_lock(path), tmp_path, Policy.AUTO, None, platform)


def test_the_binary_is_taken_out_of_the_package_and_runs(tmp_path: Path, package: Path) -> None:
    pinned = hashlib.sha256(package.read_bytes()).hexdigest()
    chosen = resolver(tmp_path, pinned)

    [tool] = chosen.resolve(["tool"])

    assert subprocess.check_output([tool.path], text=True) == "from the package\n"
    assert tool.source == "build"
    origin = chosen.slot("tool").origin()
    assert origin is not None
    assert origin.reference == "tool-server==1.0.0"
    assert chosen.resolve(["tool"])[0].source == "cache"


@pytest.mark.usefixtures("package")
def test_another_file_than_was_pinned_is_refused(tmp_path: Path) -> None:
    chosen = resolver(tmp_path, "0" * 64)

    with pytest.raises(CommandError, match="Expected sha256 0000"):
        chosen.resolve(["tool"])

    assert not chosen.slot("tool").filled


@pytest.mark.usefixtures("package")
def test_a_platform_without_a_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="no file for linux/riscv64"):
        resolver(tmp_path, "0" * 64, "linux/riscv64").resolve(["tool"])


def test_a_binary_has_a_build_or_a_wheel_and_not_both(tmp_path: Path) -> None:
    path = tmp_path / "lock.yaml"
    path.write_text(LOCK.format(sha256="0" * 64).split("    wheel:")[0])

    with pytest.raises(InputInvalid, match="name build or wheel"):
        load_lock(path)
