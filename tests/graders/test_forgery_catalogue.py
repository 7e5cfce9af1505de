"""The catalogue of forgeries, and how what comes of one is judged."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graders.forgeries import (
    Family,
    Forgery,
    ForgeryResult,
    Scene,
    State,
    attempt,
    attempt_forgery,
    forgeries,
    starvation,
)
from graders.forgeries.connection import StepRefused
from graders.forgeries.hardware import better_devices
from graders.forgeries.replica import Copy, bind
from graders.forgeries.table import catalogue_table
from graders.report import CheckResult, Outcome, Report

PAGE = Path(__file__).parents[2] / "docs" / "forgeries.md"
HARMLESS = Forgery(
    name="harmless",
    family=Family.STATUS,
    tries="Does nothing.",
    fails_because="Nothing is done.",
    state=State.DONE,
    carry_out=lambda intruder: None,
    names=("webhook mine",),
)


def result_of(
    outcome: Outcome, before: Outcome, message: str = "", forgery: Forgery = HARMLESS
) -> ForgeryResult:
    report = Report(
        id="r",
        lab="a-lab",
        lab_version="1.0.0",
        attempt="a",
        learner="mallory",
        started_at="2026-01-01T00:00:00Z",
        finished_at="2026-01-01T00:00:01Z",
        results=(CheckResult(task="task", outcome=outcome, message=message),),
        cluster_uid="u",
    )
    return ForgeryResult(forgery, {"task": before}, report, 1.0)


def test_there_are_at_least_forty_with_names_of_their_own() -> None:
    names = [one.name for one in forgeries()]

    assert len(names) >= 40
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("family", Family)
def test_every_family_has_some(family: Family) -> None:
    assert [one for one in forgeries() if one.family is family]


@pytest.mark.parametrize("forgery", forgeries(), ids=lambda one: one.name)
def test_each_says_what_it_does_and_why_that_must_not_work(forgery: Forgery) -> None:
    assert forgery.tries.endswith(".")
    assert forgery.fails_because.endswith(".")
    assert "|" not in forgery.tries + forgery.fails_because


def test_the_documentation_holds_the_whole_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(catalogue_table() + "\n")


def test_a_task_that_was_not_done_and_passes_is_a_surprise() -> None:
    [sentence] = result_of(Outcome.PASSED, Outcome.FAILED).surprises

    assert "passed, and nothing was done for it" in sentence
    assert result_of(Outcome.PASSED, Outcome.PASSED).surprises == []


def test_an_error_has_to_name_its_cause() -> None:
    named = result_of(Outcome.ERROR, Outcome.PASSED, "Refused by admission webhook mine")
    unnamed = result_of(Outcome.ERROR, Outcome.FAILED, "The check broke off")

    assert named.surprises == []
    assert "does not name the cause" in unnamed.surprises[0]


def test_honest_work_is_called_failed_only_where_it_is_destroyed() -> None:
    destroying = replace(HARMLESS, undoes_work=True)

    assert (
        "was done, and is called failed" in result_of(Outcome.FAILED, Outcome.PASSED).surprises[0]
    )
    assert result_of(Outcome.FAILED, Outcome.PASSED, forgery=destroying).surprises == []
    assert result_of(Outcome.FAILED, Outcome.FAILED).surprises == []


def test_a_forgery_that_could_not_be_carried_out_proves_nothing() -> None:
    result = ForgeryResult(HARMLESS, {}, None, 1.0, "the cluster refused it")

    assert result.surprises == ["harmless could not be carried out: the cluster refused it"]


def test_a_forgery_that_is_wrong_itself_ends_no_rehearsal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(attempt, "intruder_at", lambda *_: nullcontext(SimpleNamespace()))
    wrong = replace(HARMLESS, carry_out=lambda intruder: [][0])

    result = attempt_forgery(wrong, Scene(tmp_path, {}), pytest.fail)

    assert result.problem == "IndexError: list index out of range"


def test_a_slice_of_counters_alone_is_not_given_devices() -> None:
    slices = [{"spec": {"sharedCounters": []}}, {"spec": {"devices": [{"name": "card"}]}}]
    changed = []
    intruder: Any = SimpleNamespace(
        all_of=lambda _, kind: slices if kind == "ResourceSlice" else [],
        change=lambda one, change: changed.append((one, change)),
        work=SimpleNamespace(of_kind=lambda _: []),
    )

    better_devices.carry_out(intruder)

    [(one, change)] = changed
    assert one is slices[1]
    assert len(change["spec"]["devices"]) == 4


def test_rights_that_a_task_asks_for_are_work_and_stay() -> None:
    def binding(name: str) -> dict[str, Any]:
        version = "rbac.authorization.k8s.io/v1"
        return {
            "apiVersion": version,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name, "resourceVersion": "1"},
        }

    deleted = []
    intruder: Any = SimpleNamespace(
        all_of=lambda *_: [binding("learners"), binding("of-the-task"), binding("system:node")],
        work=SimpleNamespace(objects=(binding("of-the-task"),)),
        keep=lambda _: None,
        must=lambda method, path: deleted.append(path),
        path_of=lambda one: one["metadata"]["name"],
        change=lambda *_: None,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(starvation, "settle", lambda: None)
        starvation.rights_of_everybody_taken.carry_out(intruder)

    assert deleted == ["learners"]


@pytest.mark.parametrize(("node", "is_refused"), [("node-a", False), ("", True)])
def test_a_pod_that_the_scheduler_bound_first_need_not_be_bound(
    node: str, is_refused: bool
) -> None:
    pod = {"metadata": {"name": "one", "namespace": "lab"}, "spec": {"nodeName": node}}

    def must(*_: object, **__: object) -> None:
        raise StepRefused("409")

    intruder: Any = SimpleNamespace(
        must=must, read=lambda _: pod, path_of=lambda *_: "/api/v1/pods/one/binding"
    )
    with pytest.raises(StepRefused) if is_refused else nullcontext():
        bind(intruder, [Copy(pod, pod)])
