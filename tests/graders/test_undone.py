"""What was undone by a restore is no deed any more; and only the platform can say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clusters.snapshots import RESTORED_AT, TAKEN_AT
from graders.audit import AuditLog, AuditQuery

Document = dict[str, Any]


def moment(second: float) -> str:
    return f"2026-01-01T00:00:{second:09.6f}Z"


def deed(id: str, received: float, ended: float, actor: str = "learner") -> Document:
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "auditID": id,
        "stage": "ResponseComplete",
        "verb": "delete",
        "user": {"username": actor},
        "objectRef": {"resource": "pods", "namespace": "lab", "name": "a"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": moment(received),
        "stageTimestamp": moment(ended),
    }


def trace(taken: float, restored: float, **changes: Any) -> Document:
    annotations = {TAKEN_AT: moment(taken), RESTORED_AT: moment(restored)}
    return {
        **deed("trace", restored + 0.1, restored + 0.2, "assay:platform"),
        "verb": "create",
        "objectRef": {"resource": "namespaces", "name": "restored-start"},
        "requestObject": {"metadata": {"name": "restored-start", "annotations": annotations}},
        **changes,
    }


def deletions(path: Path, *lines: Document) -> list[str]:
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    return [event.id for event in AuditLog(path).events(AuditQuery(verb="delete"))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def test_what_was_done_since_the_snapshot_is_not_told(path: Path) -> None:
    before, undone, after = deed("before", 1, 1.1), deed("undone", 6, 6.1), deed("after", 21, 21.1)

    assert deletions(path, before, undone, trace(5, 20), after) == ["before", "after"]


def test_a_request_counts_by_when_it_was_answered(path: Path) -> None:
    """One that the API server held back during the restore takes effect afterwards."""
    held_back = deed("held-back", 19.9, 20.3)

    assert deletions(path, held_back, trace(5, 20)) == ["held-back"]


def test_restores_one_after_the_other_undo_each_their_time(path: Path) -> None:
    between = deed("between", 21, 21.1)

    assert deletions(path, deed("a", 6, 6), trace(5, 20), between, trace(22, 30)) == ["between"]
    assert deletions(path, deed("a", 6, 6), trace(5, 20), between, trace(4, 30)) == []


@pytest.mark.parametrize(
    "forged",
    [
        {"user": {"username": "learner"}},
        {"user": {"username": "learner"}, "impersonatedUser": {"username": "assay:platform"}},
        {"objectRef": {"resource": "configmaps", "name": "restored-start"}},
        {"verb": "update"},
        {"requestObject": {"metadata": {"name": "restored-start"}}},
    ],
)
def test_nobody_else_can_say_that_something_was_undone(path: Path, forged: Document) -> None:
    assert deletions(path, deed("mine", 6, 6.1), trace(5, 20, **forged)) == ["mine"]


def test_it_counts_also_where_the_cluster_refused_the_words(path: Path) -> None:
    """A learner's webhook that was there before may refuse every namespace."""
    refused = trace(5, 20, responseStatus={"code": 500})

    assert deletions(path, deed("undone", 6, 6.1), refused) == []


def test_the_log_still_begins_where_it_begins(path: Path) -> None:
    deletions(path, deed("undone", 6, 6.1), trace(5, 20))

    assert AuditLog(path).begins_at() == moment(6)
