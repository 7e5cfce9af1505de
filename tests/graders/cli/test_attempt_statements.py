"""What instructors and learners say about verdicts, as they type it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from graders.ledger import Attempt, AttemptState, Ledger, open_ledger
from graders.report import CheckResult, Outcome, Report

Assay = Any


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path / 'assay.db'}")


@pytest.fixture
def attempt(ledger: Ledger) -> Attempt:
    attempt = Attempt(
        id=secrets.token_hex(16),
        learner="ann",
        lab="gone",
        lab_version="1.0.0",
        seed=1,
        state=AttemptState.FINISHED,
        provider="embedded",
        cluster="c",
        assurance="practice",
        started_at="2026-01-01T10:00:00Z",
        deadline_at="2026-01-01T12:00:00Z",
    )
    ledger.add_attempt(attempt)
    ledger.append(
        Report(
            id=secrets.token_hex(16),
            lab="gone",
            lab_version="1.0.0",
            attempt=attempt.id,
            learner="ann",
            started_at="2026-01-01T10:05:00Z",
            finished_at="2026-01-01T10:05:00Z",
            results=(CheckResult(task="one", outcome=Outcome.FAILED, message="no"),),
        )
    )
    return attempt


@pytest.fixture
def run(assay: Assay, tmp_path: Path) -> Any:
    env = {"ASSAY_DATABASE_URL": f"sqlite:///{tmp_path / 'assay.db'}"}
    return lambda *arguments: assay("attempt", *arguments, env=env)


def test_an_appeal_is_made_seen_answered_and_followed(run: Any, attempt: Attempt) -> None:
    begun = attempt.id[:8]
    made = run("appeal", begun, "one", "It [bold]runs[/bold].", "--json")
    waiting = run("appeals", "--open")
    twice = run("appeal", begun, "one", "Hello?")
    id = made.json["id"][:8]
    answered = run("answer", id, "Right you are.", "--accept", "--instructor", "grace", "--json")
    overridden = run(
        "override", begun, "one", "--as", "passed", "--reason", "I saw it", "--instructor", "grace"
    )
    shown = run("show", begun, "--json")

    assert (made.code, made.json["learner"]) == (0, "ann")
    assert id in waiting.out
    assert "It [bold]runs[/bold]." in " ".join(waiting.out.split()), "never read as markup"
    assert (twice.code, "not answered yet" in twice.err) == (2, True)
    assert answered.json["answer"]["accepted"] is True
    assert (overridden.code, "decided by grace" in overridden.out) == (0, True)
    assert shown.code == 0
    assert run("appeals", "--open").out.strip() == "No appeals."
    assert run("answer", id, "Again.", "--reject").code == 2


def test_an_override_shows_as_what_it_is(run: Any, attempt: Attempt, ledger: Ledger) -> None:
    run("override", attempt.id, "one", "--as", "passed", "--reason", "power", "--json")
    assert ledger.progress(attempt.id)["one"].done

    run("override", attempt.id, "one", "--as", "withdrawn", "--reason", "wrong one")

    assert not ledger.progress(attempt.id)["one"].done
    assert [o.effect for o in ledger.overrides(attempt.id)] == ["passed", "withdrawn"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("override", "ID", "nix", "--as", "passed", "--reason", "x"), "has no task 'nix'"),
        (("override", "ID", "one", "--as", "passed", "--reason", " "), "say something"),
        (("override", "zzz", "one", "--as", "passed", "--reason", "x"), "no attempt 'zzz'"),
        (("appeal", "ID", "nix", "text"), "has no task 'nix'"),
        (("answer", "zzz", "text", "--accept"), "no appeal 'zzz'"),
        (("regrade", "--lab", "nix", "--reason", "x"), "nix"),
        (("regrade", "--lab", "small-lab", "--reason", "x", "--since", "often"), "nor a date"),
        (("regrade", "--lab", "small-lab", "--reason", "x", "--task", "nix"), "no task 'nix'"),
    ],
)
def test_a_mistake_is_one_sentence(
    run: Any, attempt: Attempt, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run(*(attempt.id if a == "ID" else a for a in arguments))

    assert done.code == 2
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_verify_finds_evidence_that_is_gone(run: Any, attempt: Attempt, ledger: Ledger) -> None:
    report = ledger.reports(attempt.id)[0]
    assert run("verify", "--json").json == {"true": True, "problems": []}

    changed = {"id": secrets.token_hex(16), "evidence": "sha256:" + "0" * 64}
    ledger.append(report.model_copy(update=changed))

    done = run("verify", "--json")
    assert done.code == 1
    assert "is not here" in done.json["problems"][0]


def test_a_regrade_of_a_lab_that_nobody_tried_does_nothing(run: Any, attempt: Attempt) -> None:
    done = run("regrade", "--lab", "small-lab", "--reason", "x", "--json")

    assert done.code == 0
    assert (done.json["checks"], done.json["changes"]) == (0, [])
