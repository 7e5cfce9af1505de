"""`%reset` in a notebook: where the cluster can go back to, and going there."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.testing.globalipapp import start_ipython

from clusters.errors import AssayError
from hub import magics
from hub.magics import NotebookLab
from hub.task_table import Notice

START = {"to": "", "after": "", "taken_at": "2026-01-01T09:00:00.400000Z"}
BEFORE = {"to": "second", "after": "first", "taken_at": "2026-01-01T09:10:05.700000Z"}


class FakeRemoteAttempt:
    """The attempt of a notebook; remembers to where its cluster was taken back."""

    def __init__(self) -> None:
        self.resets: list[str] = []
        self.refusal = ""

    def checkpoints(self) -> list[dict[str, str]]:
        return [START, BEFORE]

    def reset(self, to: str) -> dict[str, str]:
        if self.refusal:
            raise AssayError(self.refusal)
        self.resets.append(to)
        return BEFORE if to else START


@pytest.fixture
def attempt() -> FakeRemoteAttempt:
    return FakeRemoteAttempt()


@pytest.fixture
def lab(attempt: FakeRemoteAttempt) -> NotebookLab:
    return NotebookLab(attempt, "http://localhost/labs/tiny")  # type: ignore[arg-type]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a notebook shows."""
    shown: list[str] = []

    def display(notice: Notice, **_: Any) -> None:
        shown.append(notice.sentence)

    monkeypatch.setattr(magics, "display", display)
    return shown


def test_alone_it_says_what_can_be_typed_and_does_nothing(
    lab: NotebookLab, attempt: FakeRemoteAttempt, shown: list[str]
) -> None:
    lab.reset("")

    assert attempt.resets == []
    assert "%reset yes: the start of the lab, 09:00 UTC" in shown[0]
    assert "%reset second: the moment when first was done, 09:10 UTC" in shown[0]


@pytest.mark.parametrize(
    ("typed", "to", "said"),
    [("yes", "", "the start of the lab"), ("second", "second", "when first was done")],
)
def test_it_takes_the_cluster_back_and_says_to_where(
    lab: NotebookLab, attempt: FakeRemoteAttempt, shown: list[str], typed: str, to: str, said: str
) -> None:
    lab.reset(typed)

    assert attempt.resets == [to]
    assert said in shown[-1]
    assert "what you reached stays" in shown[-1]


def test_a_refusal_takes_the_place_of_the_notice(
    lab: NotebookLab, attempt: FakeRemoteAttempt, shown: list[str]
) -> None:
    attempt.refusal = "the cluster of a proctored attempt is not taken back"

    lab.reset("yes")

    assert shown[-1] == attempt.refusal


def test_with_an_option_it_is_ipythons_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_ATTEMPT", raising=False)
    shell = start_ipython()
    shell.register_magics(magics.LabMagics)
    shell.user_ns["mine"] = 1

    shell.run_line_magic("reset", "-f")

    assert "mine" not in shell.user_ns
