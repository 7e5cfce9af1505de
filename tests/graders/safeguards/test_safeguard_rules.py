"""Safeguards as lab.yaml says them, and what outweighs what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clusters.errors import InputInvalid
from graders.audit import AuditEvent
from graders.checks import CheckFailed
from graders.errors import ClusterUnreachable, GradingError
from graders.lab import LabDocument
from graders.safeguards import history
from graders.safeguards.guarding import guarded
from graders.safeguards.safeguard import Safeguard, fill_in_safeguards

NOT_DONE = CheckFailed("not done")
BROKEN = CheckFailed("broken")
AWAY = ClusterUnreachable("away")
NO_LOG = GradingError("no log")


def says(answer: Exception | None) -> Callable[[], None]:
    def say() -> None:
        if answer is not None:
            raise answer

    return say


@pytest.mark.parametrize(
    ("look", "safeguards", "verdict"),
    [
        (None, None, None),
        (None, BROKEN, BROKEN),
        (None, NO_LOG, NO_LOG),
        (NOT_DONE, None, NOT_DONE),
        (NOT_DONE, BROKEN, BROKEN),
        (NOT_DONE, NO_LOG, NOT_DONE),
        (AWAY, None, AWAY),
        (AWAY, BROKEN, BROKEN),
    ],
)
def test_a_broken_safeguard_outweighs_everything_and_one_unseen_only_a_yes(
    look: Exception | None, safeguards: Exception | None, verdict: Exception | None
) -> None:
    if verdict is None:
        guarded(says(look), says(safeguards))
        return
    with pytest.raises(type(verdict)) as caught:
        guarded(says(look), says(safeguards))
    assert caught.value is verdict


def test_parameters_are_filled_in_and_unknown_ones_are_told() -> None:
    good = _safeguard(name="{{ chat }}", namespace="{{ place }}")
    bad = _safeguard(id="bad", name="{{ nobody }}")

    (filled,) = fill_in_safeguards([good], {"chat": "chat-x", "place": "p-y"}, "lab.yaml")
    with pytest.raises(InputInvalid) as caught:
        fill_in_safeguards([good, bad], {"chat": "chat-x", "place": "p-y"}, "lab.yaml")

    assert (filled.object.name, filled.object.namespace) == ("chat-x", "p-y")
    assert caught.value.problems == [
        "lab.yaml: safeguards: bad: name:1: 'nobody' is not a parameter of lab.yaml"
    ]


def test_a_safeguard_guards_the_tasks_it_names_or_all() -> None:
    assert _safeguard().guards_task("anything")
    assert _safeguard(guards=["a"]).guards_task("a")
    assert not _safeguard(guards=["a"]).guards_task("b")


@pytest.mark.parametrize(
    ("safeguards", "problem"),
    [
        ([{"id": "a"}, {"id": "a"}], "the id a is used twice"),
        ([{"id": "a", "guards": ["nothing"]}], "a guards 'nothing', which is no task of this lab"),
        ([{"id": "a", "rule": "kept"}], "rule"),
        ([{"id": "a", "kind": "Secret", "rule": "untouched"}], "contents of a Secret are not kept"),
        ([{"id": "A"}], "pattern"),
    ],
)
def test_safeguards_that_cannot_be_meant_are_refused(
    safeguards: list[dict[str, Any]], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        LabDocument.model_validate(
            {
                "apiVersion": "assay.dev/v1",
                "kind": "Lab",
                "id": "6c0f2a58-93c1-4f0e-8f4b-0c8a4c1d2e3f",
                "slug": "a",
                "version": "1.0.0",
                "title": "A",
                "summary": "A.",
                "minutes": 5,
                "tasks": [{"id": "task", "title": "A", "points": 1, "domain": "A"}],
                "safeguards": [_document(**safeguard) for safeguard in safeguards],
            }
        )


def test_an_object_that_came_back_in_time_was_not_away() -> None:
    quick = [_event("delete", 10), _event("create", 19)]
    slow = [_event("delete", 10), _event("create", 21)]
    swept = [_event("deletecollection", 0, name=""), _event("delete", 30), _event("create", 31)]
    other = [_event("delete", 10, name="other"), _event("create", 50)]

    assert history.absence("it", quick) is None
    assert history.absence("it", slow) is slow[0]
    assert history.absence("it", swept) is None, "it was still there when it was deleted by name"
    assert history.absence("it", other) is None


def test_of_many_differing_paths_the_first_are_said() -> None:
    before = {"spec": {"a": 1, "b": [{"c": 1}], "d": {"e": 1}}, "data": {"x": "1"}}
    after = {"spec": {"a": 2, "b": [{"c": 2}], "d": None}, "data": {"x": "2", "y": "3"}}

    paths = history.differing_paths(before, after)

    assert paths == ["data.x", "data.y", "spec.a", "spec.b[0].c", "spec.d"]
    assert history.say_paths(paths) == "data.x, data.y, spec.a and 2 more"


def _event(verb: str, second: int, name: str = "it") -> AuditEvent:
    return AuditEvent(
        id="1",
        time=f"2026-01-01T00:00:{second:02}.000000Z",
        actor="learner",
        impersonates="",
        verb=verb,
        group="",
        resource="configmaps",
        subresource="",
        namespace="team",
        name=name,
        uid="",
        code=200,
    )


def _document(
    id: str = "it",
    rule: str = "survives",
    kind: str = "ConfigMap",
    name: str = "it",
    namespace: str | None = None,
    **keys: Any,
) -> dict[str, Any]:
    where = {"kind": kind, "name": name, "namespace": namespace}
    return {"id": id, "title": "It stays", "object": where, "rule": rule, **keys}


def _safeguard(**keys: Any) -> Safeguard:
    return Safeguard.model_validate(_document(**keys))
