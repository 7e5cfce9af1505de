"""What keeps learners apart: tried as the account that a learner would have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clusters.doctor import Finding, State
from clusters.doctor.finding import NOBODY, ask
from clusters.doctor.isolation import (
    assurance,
    closed_to_others,
    probe_accounts,
    probe_namespaces,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@needs_root
def test_a_program_can_be_asked_without_roots_rights() -> None:
    answer = ask(["id", "-u"], as_nobody=True)

    assert answer == (True, str(NOBODY))


@needs_root
def test_a_program_in_a_private_folder_cannot_be_asked_without_roots_rights(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)

    assert ask([str(path)]).ok
    assert not ask([str(path)], as_nobody=True).ok


def test_folders_that_others_cannot_enter_are_named(tmp_path: Path) -> None:
    closed, opened = tmp_path / "closed", tmp_path / "opened"
    closed.mkdir(mode=0o700)
    opened.mkdir(mode=0o755)
    opened.chmod(0o755)

    assert closed in closed_to_others([closed / "bin" / "python"])
    assert opened not in closed_to_others([opened / "python"])


def test_namespaces_of_this_host_are_tried_not_guessed() -> None:
    root = os.geteuid() == 0
    allowed = ask(["unshare", "--user", "--map-root-user", "--net", "true"], as_nobody=root).ok

    finding = probe_namespaces()

    if allowed:
        assert (finding.state, finding.found) == (State.OK, "also without root")
    else:
        assert finding.found == "as root only" or finding.fix


def test_a_host_without_namespaces_says_what_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    finding = probe_namespaces()

    assert (finding.state, finding.found) == (State.WARN, "unshare is not installed")
    assert "share the host's loopback" in finding.fix


def test_accounts_without_root_share_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    finding = probe_accounts()

    assert (finding.state, finding.found) == (State.WARN, "notebooks share your account")


@needs_root
def test_a_python_that_others_cannot_read_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    python = tmp_path / "python"
    python.symlink_to("/bin/true")
    monkeypatch.setattr("sys.executable", str(python))

    finding = probe_accounts()

    assert finding.state is State.WARN
    assert str(tmp_path) in finding.found


def test_assurance_follows_from_the_accounts() -> None:
    assert assurance(Finding("x", State.OK, "")) == "isolated"
    assert assurance(Finding("x", State.WARN, "")) == "practice"
