"""The mark that says that no probe is left in a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from graders import clean_mark
from graders.clean_mark import CleanMark


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "grader.kubeconfig"
    path.touch()
    return path


def test_a_cluster_is_not_clean_until_somebody_says_so(kubeconfig: Path) -> None:
    assert not CleanMark(kubeconfig).take()

    CleanMark(kubeconfig).put()

    assert CleanMark(kubeconfig).take()


def test_a_grading_that_was_cut_off_leaves_no_mark(kubeconfig: Path) -> None:
    CleanMark(kubeconfig).put()
    CleanMark(kubeconfig).take()  # a grading begins, and is killed

    assert not CleanMark(kubeconfig).take()


def test_a_mark_from_before_a_crash_of_the_machine_says_nothing(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CleanMark(kubeconfig).put()
    (tmp_path / "boot").write_text("another-boot\n")
    monkeypatch.setattr(clean_mark, "_BOOT", tmp_path / "boot")

    assert not CleanMark(kubeconfig).take()


def test_a_machine_that_does_not_name_its_boot_is_never_called_clean(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_mark, "_BOOT", tmp_path / "nothing")
    CleanMark(kubeconfig).put()

    assert not CleanMark(kubeconfig).take()
