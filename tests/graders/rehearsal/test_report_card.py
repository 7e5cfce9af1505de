"""What a rehearsal plans and how it judges; no cluster is needed for either."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graders.authoring import new_lab
from graders.lab import Lab, load_lab
from graders.rehearsal import PlannedRun, ReportCard, RunResult, plan_runs
from graders.rehearsal.mutation.equivalents import Equivalents
from graders.rehearsal.mutation.mutant import GeneratedMutant, Operator
from graders.rehearsal.plan import RunKind, chosen, plan_generated
from graders.rehearsal.report_card import Recorded
from graders.report import CheckResult, Outcome, Report
from graders.solutions import step_task
from graders.variant import draw_variant

UNTOUCHED = PlannedRun(1, RunKind.UNTOUCHED, "untouched")
SOLVED = PlannedRun(1, RunKind.SOLUTION, "reference")
MUTANT = PlannedRun(1, RunKind.MUTANT, "one/wrong", task="one")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return load_lab(new_lab("ape", "Ape", tmp_path))


def report(one: str, two: str, seconds: float = 0.0) -> Report:
    results = tuple(
        CheckResult(task=task, outcome=Outcome(outcome), message="so it is", seconds=seconds)
        for task, outcome in (("one", one), ("two", two))
    )
    return Report(
        id="r",
        lab="ape",
        lab_version="1.0.0",
        attempt="a",
        learner="l",
        started_at="",
        finished_at="",
        results=results,
        versions={"kubernetes": "v1.2.3"},
    )


def result(run: PlannedRun, one: str, two: str, *again: tuple[str, str]) -> RunResult:
    reports = [report(*outcomes) for outcomes in [(one, two), *again]]
    return RunResult(run, ("one", "two"), reports, seconds=1.234)


def card(*runs: RunResult, problems: tuple[str, ...] = (), **more: Any) -> ReportCard:
    return ReportCard(
        "ape", "1.0.0", "sha256:0", (1,), "embedded", "0", "now", runs, problems, **more
    )


def test_every_seed_is_rehearsed_untouched_solved_and_sabotaged(lab: Lab) -> None:
    runs = plan_runs(lab, [1, 2])

    assert [(run.seed, run.kind.value, run.name, run.task) for run in runs[:4]] == [
        (1, "solution", "reference", ""),
        (1, "untouched", "untouched", ""),
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

    (run,) = chosen(plan_runs(lab, [1]), ["other"])

    assert [step_task(step) for step in run.steps] == ["run-replicas", "repair-workload"]
    assert run.steps[1].parent == other


@pytest.mark.parametrize(
    ("only", "count"),
    [("mutant", 2), ("solution", 1), ("reference", 1), ("run-replicas", 1), ("nothing", 0)],
)
def test_some_runs_can_be_chosen(lab: Lab, only: str, count: int) -> None:
    assert len(chosen(plan_runs(lab, [1]), [only])) == count


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
    died = RunResult(SOLVED, ("one", "two"), problem="no space left")

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
            "kubernetes": "v1.2.3",
            "task": "one",
            "true": False,
            "results": {"one": "passed", "two": "passed"},
            "gradings": 1,
            "seconds": 1.23,
            "surprises": ["one: must be failed, is passed: so it is"],
        }
    ]


DROP = GeneratedMutant("one", Operator.DROP, "create pods")
LATE = GeneratedMutant("one", Operator.LATE)


def generated(mutant: GeneratedMutant = DROP, equivalent: str = "") -> PlannedRun:
    kind = RunKind.GENERATED
    return PlannedRun(1, kind, mutant.name, (), "one", (), "", mutant, equivalent)


def test_a_verdict_that_changes_is_a_flake_and_a_surprise() -> None:
    steady = result(SOLVED, "passed", "passed", ("passed", "passed"))
    flaky = result(SOLVED, "passed", "passed", ("passed", "failed"), ("passed", "error"))

    figures = card(steady, flaky).figures

    assert [steady.flips, flaky.flips] == [0, 2]
    assert [surprise.partition(",")[0] for surprise in flaky.surprises] == [
        "two: must be passed",
        "two: must be passed",
    ]
    assert figures.gradings == 5
    assert figures.flake_rate == 2 / 6


def test_the_kill_rate_is_of_mutants_that_are_wrong_and_came_to_something() -> None:
    killed = result(MUTANT, "failed", "passed")
    survived = result(generated(), "passed", "passed")
    equivalent = result(generated(equivalent="any will do"), "passed", "passed")
    void = result(generated(), "passed", "passed")
    void.void = "could not be undone"
    recorded = result(SOLVED, "passed", "passed")
    recorded.recorded.append(Recorded((DROP,), 7))

    document = card(killed, survived, equivalent, void, recorded).to_json()

    assert document["kill_rate"] == 0.5
    assert {key: document[key] for key in ("mutants", "killed", "refused", "void")} == {
        "mutants": 2,
        "killed": 1,
        "refused": 7,
        "void": 1,
    }
    assert document["equivalent"] == {"one/drop create pods": "any will do"}
    assert document["true"] is False, "a mutant survived"


def test_an_error_is_no_kill() -> None:
    assert not result(generated(), "error", "passed").killed


def test_a_mutant_that_is_declared_equivalent_must_pass() -> None:
    assert result(generated(equivalent="any will do"), "failed", "passed").surprises == [
        "one: must be passed, is failed: so it is"
    ]


def test_a_late_step_must_be_seen_by_the_next_grading() -> None:
    seen, unseen = (result(generated(LATE), "failed", "passed") for _ in range(2))
    seen.afterwards = report("passed", "passed")
    unseen.afterwards = report("failed", "passed")

    assert seen.surprises == []
    assert unseen.surprises == ["one: must be passed after the late step, is failed: so it is"]


def test_generated_mutants_take_turns_and_each_is_tried_in_one_variant(lab: Lab) -> None:
    mutants = [
        GeneratedMutant(task, operator, write)
        for task in lab.task_ids
        for operator, write in [
            (Operator.DROP, "create pods"),
            (Operator.DROP, "create pods#2"),
            (Operator.LATE, ""),
        ]
    ]
    recorded = [(run, mutants) for run in plan_runs(lab, [1, 2]) if run.records]

    runs = plan_generated(lab, recorded, Equivalents({"run-replicas/late": "why not"}))

    assert sorted(run.name for run in runs) == sorted(mutant.name for mutant in mutants)
    assert {run.seed for run in runs} == {1, 2}
    assert len({run.seed for run in runs if run.task == "run-replicas"}) == 1
    assert [run.name.partition("#")[2] for run in runs] == ["", "", "", "", "2", "2"]
    assert {run.name: run.equivalent for run in runs if run.equivalent} == {
        "run-replicas/late": "why not"
    }


def test_a_word_that_the_seed_drew_stands_in_a_name_as_its_parameter(lab: Lab) -> None:
    """So that both seeds tell of one mutant, which is tried once and declared by one name."""

    def recorded(run: PlannedRun) -> tuple[PlannedRun, list[GeneratedMutant]]:
        word = draw_variant(lab.document.parameters, run.seed)["space"]
        place = ("metadata", "labels", f"{word}.example/tenant")
        return run, [
            GeneratedMutant("run-replicas", Operator.CHANGE, "patch namespaces", place, "other")
        ]

    (run,) = plan_generated(
        lab, [recorded(run) for run in plan_runs(lab, [1, 2]) if run.records], Equivalents()
    )

    name = "run-replicas/change patch namespaces metadata.labels[{space}.example/tenant] other"
    assert run.name == name
    assert chosen([run], [name]) == [run]


def test_a_run_knows_which_steps_are_its_own_and_which_others_need_as_well(lab: Lab) -> None:
    mutant = GeneratedMutant("run-replicas", Operator.LATE)
    reference, _, _, written = plan_runs(lab, [1])

    (run,) = plan_generated(lab, [(reference, [mutant])], Equivalents())

    assert run.is_late
    assert [step_task(step) for step in run.own] == ["run-replicas"]
    assert [step_task(step) for step in run.others] == ["repair-workload"]
    assert [step.name for step in written.own] == ["one-too-few.sh"]
    assert written.others == run.others, "so that one cluster can be prepared for both"
    assert reference.own == ()


def test_versions_of_kubernetes_multiply_the_runs_of_the_lab_and_are_recorded_once(
    lab: Lab,
) -> None:
    runs = plan_runs(lab, [1], ["v1.2.3", "v1.1.1"])

    assert [run.kubernetes for run in runs] == ["v1.2.3"] * 4 + ["v1.1.1"] * 4
    assert [run.kubernetes for run in runs if run.records] == ["v1.2.3"]


def test_what_was_left_out_is_told_by_kind() -> None:
    short = card(result(SOLVED, "passed", "passed"), left_out=(generated(), generated()))
    shorter = card(result(SOLVED, "passed", "passed"), left_out=(MUTANT,))

    assert short.to_json()["left_out"] == {"generated": ["one/drop create pods"] * 2}
    assert short.is_whole
    assert not shorter.is_whole


def test_the_times_of_checks_are_told_as_median_and_p95() -> None:
    run = RunResult(SOLVED, ("one", "two"), [report("passed", "passed", n) for n in range(1, 21)])

    assert card(run).to_json()["check_seconds"] == {"median": 10.0, "p95": 19.0}
