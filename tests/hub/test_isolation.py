"""Which learners get an account of their own, and whether it holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.isolation import FIRST_UID, assess_isolation, obstacle_for_others, run_as_another

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the account")


def no_problem() -> str:
    return ""


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A folder that every account can reach, as far as the way to it allows."""
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    for place in (folder, *folder.parents):
        if place.stat().st_uid == os.geteuid() and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o001)
        if place.name.startswith("pytest-of"):
            break
    (folder / "python").write_text("")
    (folder / "python").chmod(0o755)
    return folder


def test_root_with_a_readable_interpreter_isolates(open_folder: Path) -> None:
    found = assess_isolation([open_folder / "python", open_folder], no_problem, uid=0)

    assert (found.assurance, found.reason) == ("isolated", "")


def test_without_root_it_is_practice(open_folder: Path) -> None:
    found = assess_isolation([open_folder], no_problem, uid=1000)

    assert found.assurance == "practice"
    assert "root" in found.reason


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o754])
def test_a_closed_folder_on_the_way_is_practice_and_named(open_folder: Path, mode: int) -> None:
    closed = open_folder / "closed"
    closed.mkdir()
    (closed / "python").write_text("")
    (closed / "python").chmod(0o755)
    closed.chmod(mode)

    found = assess_isolation([open_folder, closed / "python"], no_problem, uid=0)

    assert found.assurance == "practice"
    assert str(closed) in found.reason


def test_a_link_is_followed_to_what_it_points_at(open_folder: Path) -> None:
    secret = open_folder / "secret"
    secret.mkdir(mode=0o700)
    (secret / "python").write_text("")
    (open_folder / "link").symlink_to(secret / "python")

    assert obstacle_for_others(open_folder / "link") == secret


def test_what_is_missing_is_an_obstacle(open_folder: Path) -> None:
    assert obstacle_for_others(open_folder / "gone") == open_folder / "gone"


@AS_ROOT
def test_the_rule_agrees_with_the_kernel(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").write_text("x")
    (closed / "file").chmod(0o644)
    for path in (open_folder / "python", closed / "file"):
        done = subprocess.run(
            ["/bin/cat", str(path)],
            user=FIRST_UID,
            group=FIRST_UID,
            extra_groups=[],
            capture_output=True,
            check=False,
        )

        assert (done.returncode == 0) == (obstacle_for_others(path) is None), path


@AS_ROOT
def test_this_interpreter_is_tried_as_another_account() -> None:
    readable = obstacle_for_others(Path(sys.executable)) is None
    problem = run_as_another()

    assert readable or problem


def test_a_trial_that_fails_is_practice_and_says_why(open_folder: Path) -> None:
    found = assess_isolation([open_folder], lambda: "ImportError: libpython", uid=0)

    assert found.assurance == "practice"
    assert "libpython" in found.reason
