"""The audit log as a file: it grows, is rotated, is torn; and nothing in it is overlooked."""

from __future__ import annotations

import io
import json
import resource
from pathlib import Path
from typing import Any, ClassVar

import pytest

from clusters.providers.kind.audit_shipper import Shipper
from graders.audit import AuditLog, AuditQuery, _complete_lines
from graders.errors import AuditIncomplete


def event(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse",
        "auditID": f"id-{number}",
        "stage": "ResponseComplete",
        "verb": "create",
        "user": {"username": "learner", "groups": ["system:masters"]},
        "objectRef": {"resource": "pods", "namespace": "lab", "name": "a", "apiVersion": "v1"},
        "responseStatus": {"code": 201},
        "requestReceivedTimestamp": f"2026-01-01T00:00:{number:02}.000000Z",
        **changes,
    }


def line(number: int, **changes: Any) -> bytes:
    return json.dumps(event(number, **changes), separators=(",", ":")).encode() + b"\n"


def ids(path: Path, **query: Any) -> list[str]:
    return [e.id for e in AuditLog(path).events(AuditQuery(**query))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def test_a_line_that_is_still_being_written_is_read_next_time(path: Path) -> None:
    whole, half = line(1), line(2)
    path.write_bytes(whole + half[:40])
    before = ids(path)

    path.write_bytes(whole + half)

    assert before == ["id-1"]
    assert ids(path) == ["id-1", "id-2"]


def test_half_a_line_is_not_taken_for_one_when_its_end_comes_while_reading() -> None:
    class GrowingFile(io.BytesIO):
        """Gives `parts`, one for each look."""

        parts: ClassVar = [b"one\n", b"tw", b"o\n", b"three\n"]

        def readline(self, size: int | None = -1, /) -> bytes:
            return self.parts.pop(0) if self.parts else b""

    assert list(_complete_lines(GrowingFile())) == [b"one\n"]


def test_an_event_after_a_torn_one_is_not_lost(path: Path) -> None:
    inner = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "metadata": {"name": "nested"}}
    torn = line(1, requestObject=inner)[:-30]
    path.write_bytes(torn + line(2, requestObject=inner) + b"no event\n" + line(3) + b"[]\n")

    assert ids(path) == ["id-2", "id-3"]


def test_an_object_that_looks_like_an_event_is_not_taken_for_one(path: Path) -> None:
    forged = event(9, user={"username": "system:kube-scheduler"})
    path.write_bytes(line(1, requestObject=forged))

    found = list(AuditLog(path).events(AuditQuery()))

    assert [(e.id, e.actor) for e in found] == [("id-1", "learner")]


def test_rotated_files_are_read_first_in_their_order(path: Path) -> None:
    path.with_name("audit-2026-01-01T00-00-02.000.log").write_bytes(line(2))
    path.with_name("audit-2026-01-01T00-00-01.000.log").write_bytes(line(1))
    path.with_name("unrelated.log").write_bytes(line(9))
    path.write_bytes(line(3))

    assert ids(path) == ["id-1", "id-2", "id-3"]


def test_a_log_of_more_files_than_may_be_open_is_read(path: Path) -> None:
    for number in range(300):
        path.with_name(f"audit-{number:03}.log").write_bytes(line(number % 60))
    path.write_bytes(line(1))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = len(list(Path("/proc/self/fd").iterdir())) + 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    try:
        assert len(ids(path)) == 301
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def test_the_log_says_when_it_begins(path: Path) -> None:
    path.write_bytes(b"")
    assert AuditLog(path).begins_at() == ""

    path.write_bytes(line(7, responseStatus={"code": 404}) + line(8))
    assert AuditLog(path).begins_at() == "2026-01-01T00:00:07.000000Z"


def test_events_are_found_by_what_they_are_about(path: Path) -> None:
    binding = {"resource": "pods", "subresource": "binding", "namespace": "lab", "name": "a"}
    path.write_bytes(
        line(1)
        + line(2, objectRef=binding)
        + line(3, user={"username": "system:kube-scheduler"})
        + line(4, verb="patch", responseStatus={"code": 409})
        + line(5, responseObject={"metadata": {"name": "a", "uid": "u-5"}})
        + line(6, stage="RequestReceived")
        + line(7, objectRef={"resource": "pods", "namespace": "other", "name": "a"})
    )

    assert ids(path) == ["id-1", "id-2", "id-3", "id-5", "id-7"]
    assert ids(path, subresource="") == ["id-1", "id-3", "id-5", "id-7"]
    assert ids(path, subresource="binding") == ["id-2"]
    assert ids(path, actor="system:kube-scheduler") == ["id-3"]
    assert ids(path, verb=("patch", "update"), succeeded=None) == ["id-4"]
    assert ids(path, succeeded=False) == ["id-4"]
    assert ids(path, uid="u-5") == ["id-5"]
    assert ids(path, namespace="other") == ["id-7"]
    assert ids(path, resource="nodes") == []


def test_a_name_that_json_writes_in_several_ways_is_found(path: Path) -> None:
    path.write_bytes(line(1, user={"username": "Zoë <z>"}).replace(b"<", b"\\u003c"))

    assert ids(path, actor="Zoë <z>") == ["id-1"]


def test_the_name_that_the_server_drew_is_known(path: Path) -> None:
    reference = {"resource": "pods", "namespace": "lab"}
    response = {"metadata": {"name": "web-x7k2p", "uid": "u"}}
    path.write_bytes(line(1, objectRef=reference, responseObject=response))

    assert ids(path, name="web-x7k2p") == ["id-1"]


def test_the_actor_is_who_held_the_credential(path: Path) -> None:
    path.write_bytes(line(1, impersonatedUser={"username": "system:kube-scheduler"}))

    (found,) = AuditLog(path).events(AuditQuery())

    assert (found.actor, found.impersonates) == ("learner", "system:kube-scheduler")
    assert found.impersonated
    assert ids(path, actor="system:kube-scheduler") == []


def test_a_log_that_lost_something_on_its_way_is_our_error(path: Path, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    shipper = Shipper(str(spool), str(path.parent))
    (spool / path.name).write_bytes(line(1) + line(2))
    while shipper.ship():
        pass
    assert ids(path) == ["id-1", "id-2"]

    (spool / path.name).write_bytes(line(3))  # shorter than what was taken of it
    while shipper.ship():
        pass
    shipper.close()

    with pytest.raises(AuditIncomplete, match="has a gap: the spool was cut, seen at 20"):
        ids(path)
    with pytest.raises(AuditIncomplete, match="has a gap"):
        ids(path, resource="secrets")  # whoever it was may have touched them


def test_a_learner_who_writes_of_a_gap_makes_none(path: Path) -> None:
    note = {"kind": "Gap", "apiVersion": "assay.dev/v1", "reason": "none", "time": "never"}
    text = json.dumps(note)
    path.write_bytes(line(1, requestObject=note) + line(2, objectRef={"name": f"\n{text}\n"}))

    assert ids(path) == ["id-1", "id-2"]


def test_a_log_that_is_not_there_is_our_error(path: Path) -> None:
    with pytest.raises(AuditIncomplete, match="cannot be read: No such file"):
        ids(path)


def test_a_large_log_is_read_as_a_stream(path: Path) -> None:
    other = line(1, objectRef={"resource": "deployments", "namespace": "lab", "name": "a"})
    path.write_bytes(other * 100_000 + line(2))

    assert ids(path, resource="pods") == ["id-2"]
