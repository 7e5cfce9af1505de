"""What a rehearsal plans and how it judges; no cluster is needed for either."""

from __future__ import annotations

from pathlib import Path

import pytest

from graders.authoring import new_lab
from graders.lab import Lab, load_lab
from graders.rehearsal import PlannedRun, ReportCard, RunResult, plan_runs
from graders.rehearsal.plan import RunKind
from graders.report import CheckResult, Outcome, Report
from graders.solutions import step_task

UNTOUCHED = PlannedRun(1, RunKind.UNTOUCHED, "untouched")
SOLVED = PlannedRun(1, RunKind.SOLUTION, "reference")
MUTANT = PlannedRun(1, RunKind.MUTANT, "one/wrong", task="one")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return load_lab(new_lab("ape", "Ape", tmp_path))


def result(run: PlannedRun, one: str, two: str) -> RunResult:
    results = tuple(
        CheckResult(task=task, outcome=Outcome(outcome), message="so it is")
        for task, outcome in (("one", one), ("two", two))
    )
    report = Report(
        id="r",
        lab="ape",
        lab_version="1.0.0",
        attempt="a",
        learner="l",
        started_at="",
        finished_at="",
        results=results,
    )
    return RunResult(run, ("one", "two"), report, 1.234)


def card(*runs: RunResult, problems: tuple[str, ...] = ()) -> ReportCard:
    return ReportCard(
        "ape", "1.0.0", "sha256:0", (1,), "embedded", ("v1",), "0", "now", problems, runs
    )


def test_every_seed_is_rehearsed_untouched_solved_and_sabotaged(lab: Lab) -> None:
    runs = plan_runs(lab, [1, 2])

    assert [(run.seed, run.kind.value, run.name, run.task) for run in runs[:4]] == [
        (1, "untouched", "untouched", ""),
        (1, "solution", "reference", ""),
        (1, "mutant", "repair-workload/replaced", "repair-workload"),
        (1, "mutant", "run-replicas/one-too-few", "run-replicas"),
    ]
    assert [run.seed for run in runs] == [1] * 4 + [2] * 4


def test_a_mutant_takes_the_place_of_its_step(lab: Lab) -> None:
    *_, mutant = plan_runs(lab, [1])

    assert [step.name for step in mutant.steps] == ["one-too-few.sh", "20-repair-workload.sh"]


def test_an_alternative_is_completed_by_the_reference(lab: Lab) -> None:
    other = lab.folder / "solution" / "other"
    other.mkdir()
    (other / "15-repair-workload.sh").write_text("")

    (run,) = plan_runs(lab, [1], only=["other"])

    assert [step_task(step) for step in run.steps] == ["run-replicas", "repair-workload"]
    assert run.steps[1].parent == other


@pytest.mark.parametrize(
    ("only", "count"),
    [("mutant", 2), ("solution", 1), ("reference", 1), ("run-replicas", 1), ("nothing", 0)],
)
def test_some_runs_can_be_chosen(lab: Lab, only: str, count: int) -> None:
    assert len(plan_runs(lab, [1], only=[only])) == count


@pytest.mark.parametrize(
    ("run", "one", "two", "surprised"),
    [
        (UNTOUCHED, "failed", "failed", []),
        (UNTOUCHED, "failed", "passed", ["two"]),
        (UNTOUCHED, "error", "failed", ["one"]),
        (SOLVED, "passed", "passed", []),
        (SOLVED, "passed", "failed", ["two"]),
        (SOLVED, "error", "passed", ["one"]),
        (MUTANT, "failed", "passed", []),
        (MUTANT, "passed", "passed", ["one"]),
        (MUTANT, "error", "passed", ["one"]),
        (MUTANT, "failed", "failed", ["two"]),
    ],
)
def test_a_run_is_true_only_when_every_task_is_as_it_must_be(
    run: PlannedRun, one: str, two: str, surprised: list[str]
) -> None:
    found = result(run, one, two)

    assert [surprise.partition(":")[0] for surprise in found.surprises] == surprised
    assert found.to_json()["true"] is (not surprised)


def test_a_card_is_true_when_all_of_it_is() -> None:
    good, bad = result(SOLVED, "passed", "passed"), result(SOLVED, "failed", "passed")
    died = RunResult(SOLVED, ("one", "two"), None, 1, "no space left")

    assert card(good).true
    assert not card(good, bad).true
    assert not card(good, died).true
    assert not card(good, problems=("a problem",)).true
    assert not card().true


def test_the_document_of_a_card_is_what_is_published() -> None:
    document = card(result(MUTANT, "passed", "passed")).to_json()

    assert document["schema"] == "assay.dev/report-card/v1"
    assert document["true"] is False
    assert document["runs"] == [
        {
            "seed": 1,
            "kind": "mutant",
            "name": "one/wrong",
            "task": "one",
            "true": False,
            "results": {"one": "passed", "two": "passed"},
            "seconds": 1.23,
            "surprises": ["one: must be failed, is passed: so it is"],
        }
    ]
