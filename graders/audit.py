"""The API server's audit log: who did what, written where a learner cannot reach.

An AuditEvent is one finished request (stage ResponseComplete). `actor` is who held the credential,
also when that person impersonated somebody else, which a cluster-admin may always do.
Format: audit.k8s.io/v1 Event, a JSON document a line; rotated files stand beside the current one
as `<stem>-<time><suffix>`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from clusters.snapshots import RESTORED_AT, TAKEN_AT, TRACE_ACTOR, TRACE_RESOURCE
from graders.errors import AuditIncomplete

OpenLog = Callable[[], Iterator[BinaryIO]]
"""Opens the files of an audit log, oldest first, one at a time. Raises OSError."""
_STAGE = "ResponseComplete"
_EVENT_START = b'{"kind":"Event","apiVersion":"audit.k8s.io/'
_GAP_START = b'{"kind": "Gap", "apiVersion": "assay.dev/'
"""As `clusters.providers.kind.audit_shipper` writes it; nothing of the API server's begins so."""
_LINE = 64 << 20
"""Far above any event: the API server takes requests up to 3 MiB."""
_PLAIN_WORD = re.compile(r"[\w.:/@-]+", re.ASCII)
"""Words that Go and Python write the same way in JSON."""


@dataclass(frozen=True)
class AuditEvent:
    """One finished request to the API server."""

    id: str
    time: str
    """When the request arrived; RFC 3339 with microseconds, UTC."""
    actor: str
    """The user who held the credential."""
    impersonates: str
    """The user whom the actor pretended to be; empty for an ordinary request."""
    verb: str
    """`create`, `update`, `patch`, `delete`, ..."""
    group: str
    """API group; empty for the core group."""
    resource: str
    """Plural, for example `resourceclaims`."""
    subresource: str
    """For example `status` or `binding`; empty for the object itself."""
    namespace: str
    name: str
    uid: str
    """uid of the object, as far as the request or its answer names it."""
    code: int
    """HTTP status of the answer."""
    request: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Body of the request, where the audit policy keeps it."""
    response: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Body of the answer, where the audit policy keeps it."""
    ended: str = ""
    """When it was answered; as `time`. Empty in evidence of before this was kept."""

    @property
    def succeeded(self) -> bool:
        """Whether the API server did what was asked."""
        return 200 <= self.code < 300

    @property
    def impersonated(self) -> bool:
        """Whether the actor pretended to be somebody else."""
        return bool(self.impersonates)

    def to_evidence(self) -> dict[str, Any]:
        """Return what the evidence keeps: who and what, no bodies."""
        return {
            "id": self.id,
            "time": self.time,
            "actor": self.actor,
            "impersonates": self.impersonates,
            "verb": self.verb,
            "resource": "/".join(part for part in (self.resource, self.subresource) if part),
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "code": self.code,
        }


@dataclass(frozen=True)
class AuditQuery:
    """Which events are wanted; None means any."""

    verb: str | Collection[str] | None = None
    resource: str | None = None
    subresource: str | None = None
    """The empty string means the object itself."""
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    actor: str | None = None
    succeeded: bool | None = True

    def accepts(self, event: AuditEvent) -> bool:
        """Whether the event is wanted."""
        verbs = (self.verb,) if isinstance(self.verb, str) else self.verb
        return (
            (verbs is None or event.verb in verbs)
            and self.resource in (None, event.resource)
            and self.subresource in (None, event.subresource)
            and self.namespace in (None, event.namespace)
            and self.name in (None, event.name)
            and self.uid in (None, event.uid)
            and self.actor in (None, event.actor)
            and self.succeeded in (None, event.succeeded)
        )

    def may_accept(self, line: bytes) -> bool:
        """Whether the line may hold a wanted event; spares parsing nearly all of a log."""
        return all(word in line for word in self._words)

    @cached_property
    def _words(self) -> tuple[bytes, ...]:
        wanted = (
            self.resource,
            self.subresource,
            self.namespace,
            self.name,
            self.uid,
            self.actor,
        )
        return tuple(f'"{w}"'.encode() for w in wanted if w and _PLAIN_WORD.fullmatch(w))


@dataclass(frozen=True)
class Undone:
    """A time whose deeds were undone, since the cluster was taken back to how it was before."""

    since: str
    """RFC 3339 with microseconds, UTC, as all of the log's times are."""
    until: str

    def __contains__(self, moment: str) -> bool:
        """Whether what ended then was undone."""
        return self.since < moment <= self.until


TRACES = AuditQuery(
    verb="create", resource=TRACE_RESOURCE, actor=TRACE_ACTOR, succeeded=None, subresource=""
)
"""Finds what a restore leaves in the log, among others."""


def undone_by(event: AuditEvent) -> Undone | None:
    """Return what was undone by the restore that an event tells of; None where it tells of none.

    Only the platform's own word counts: a learner may write the same annotations, or pretend to be
    the platform, but then the log names the learner.
    """
    if not TRACES.accepts(event) or event.impersonated:
        return None
    told = _metadata(event.request).get("annotations") or {}
    since, until = str(told.get(TAKEN_AT, "")), str(told.get(RESTORED_AT, ""))
    return Undone(since, until) if since and until else None


class EventLog(Protocol):
    """Tells what happened in one cluster, and since when it knows."""

    def events(self, query: AuditQuery) -> Iterator[AuditEvent]:
        """Yield the wanted events in their order; raises AuditIncomplete."""

    def begins_at(self) -> str:
        """Return when the first event happened; raises AuditIncomplete."""


class AuditLog:
    """The audit log of one cluster; read anew each time, as a stream.

    Args:
        log: its current file, or what opens all of its files, oldest first.
    """

    def __init__(self, log: Path | OpenLog) -> None:
        self._open: OpenLog = partial(open_log, log) if isinstance(log, Path) else log

    def events(self, query: AuditQuery) -> Iterator[AuditEvent]:
        """Yield the wanted events in the order of the log, without those that were undone.

        Where the cluster was taken back to a snapshot, what was done since that snapshot never
        happened to the objects that are there now: it is nobody's fault and nobody's merit.

        Raises:
            AuditIncomplete: there is no log, it cannot be read, or something of it is lost.
        """
        for event in self._all(query):
            if query.accepts(event) and not any(event.ended in period for period in self.undone):
                yield event

    @cached_property
    def undone(self) -> tuple[Undone, ...]:
        """What was undone; looked up once, since nobody takes a cluster back that is graded.

        Raises:
            AuditIncomplete: there is no log, or it cannot be read.
        """
        return tuple(filter(None, map(undone_by, self._all(TRACES))))

    def _all(self, query: AuditQuery) -> Iterator[AuditEvent]:
        for line in self._lines():
            if is_gap(line):
                raise _gap(line)
            if query.may_accept(line) and (event := parse_event(line)) is not None:
                yield event

    def begins_at(self) -> str:
        """Return when the first event that is left happened; RFC 3339, empty where there is none.

        Raises:
            AuditIncomplete: there is no log, or it cannot be read.
        """
        first = next(self._all(AuditQuery(succeeded=None)), None)
        return "" if first is None else first.time

    def _lines(self) -> Iterator[bytes]:
        try:
            for file in self._open():
                with file:
                    yield from _complete_lines(file)
        except OSError as error:
            raise AuditIncomplete(
                f"The audit log of this cluster cannot be read: {error.strerror}"
            ) from error


def open_log(path: Path) -> Iterator[BinaryIO]:
    """Open the rotated files of a log, oldest first, and the current one last; one at a time.

    The current one is opened first, so that a rotation in between does not hide it.

    Raises:
        OSError: one cannot be opened.
    """
    with path.open("rb") as current:
        for name in sorted(path.parent.glob(f"{path.stem}-*{path.suffix}")):
            with name.open("rb") as rotated:
                if not _same_file(rotated, current):
                    yield rotated
        yield current


def _same_file(one: BinaryIO, other: BinaryIO) -> bool:
    return os.path.sameopenfile(one.fileno(), other.fileno())


def _complete_lines(log: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file that grows; one without an end is still being written."""
    while line := log.readline(_LINE):
        if line.endswith(b"\n"):
            yield line
        elif len(line) == _LINE:
            raise AuditIncomplete("The audit log of this cluster holds a line that has no end")
        else:
            return


def is_gap(line: bytes) -> bool:
    """Whether a line says that what stood in its place is lost."""
    return line.startswith(_GAP_START)


def _gap(line: bytes) -> AuditIncomplete:
    told = json.loads(line)
    return AuditIncomplete(
        f"The audit log of this cluster has a gap: {told['reason']}, seen at {told['time']}"
    )


def parse_event(line: bytes) -> AuditEvent | None:
    """Return the finished request that a line holds, or None.

    A line may begin with a torn event: the API server was killed while it wrote, and the next one
    went on in the same line. The torn one is lost, the other is not.
    """
    start = 0
    while start >= 0:
        try:
            document = json.loads(line[start:])
            return _event(document) if document.get("stage") == _STAGE else None
        except (ValueError, AttributeError, TypeError):
            start = line.find(_EVENT_START, start + 1)
    return None


def _event(document: Mapping[str, Any]) -> AuditEvent:
    reference = document.get("objectRef") or {}
    request = document.get("requestObject") or {}
    response = document.get("responseObject") or {}
    return AuditEvent(
        id=document.get("auditID", ""),
        time=document.get("requestReceivedTimestamp", ""),
        actor=(document.get("user") or {}).get("username", ""),
        impersonates=(document.get("impersonatedUser") or {}).get("username", ""),
        verb=document.get("verb", ""),
        group=reference.get("apiGroup", ""),
        resource=reference.get("resource", ""),
        subresource=reference.get("subresource", ""),
        namespace=reference.get("namespace", ""),
        name=reference.get("name", "") or _metadata(response).get("name", ""),
        uid=_uid(reference, request, response),
        code=(document.get("responseStatus") or {}).get("code", 0),
        ended=document.get("stageTimestamp", ""),
        request=request,
        response=response,
    )


def _uid(
    reference: Mapping[str, Any], request: Mapping[str, Any], response: Mapping[str, Any]
) -> str:
    """Return the uid that the server answered, else the one that was asked for.

    A Status carries the uid of what it is about in its details.
    """
    details = response.get("details") or {}
    candidates = (
        _metadata(response).get("uid"),
        details.get("uid"),
        reference.get("uid"),
        _metadata(request).get("uid"),
    )
    return next((str(uid) for uid in candidates if uid), "")


def _metadata(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return document.get("metadata") or {}
