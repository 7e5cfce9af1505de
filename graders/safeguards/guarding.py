"""Guarding: whether the safeguards of a task still hold, by the cluster and by its audit log.

What is now costs one read of the object. The audit log is only searched where that read says that
something happened: another uid, generation or resourceVersion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from graders.audit import AuditEvent
from graders.checks import CheckFailed
from graders.errors import AuditIncomplete, GradingError
from graders.safeguards import history
from graders.safeguards.history import Deed
from graders.safeguards.recording import Record, content_of, replicas_of
from graders.safeguards.safeguard import Rule, Safeguard
from graders.view import ClusterView, Missing

T = TypeVar("T")

_REMOVING = ("delete", "deletecollection")
_WRITING = ("update", "patch")
_HINT = "What was broken stays broken: take your cluster back (%reset), or start the lab again."
_EXPECTED = {
    Rule.SURVIVES: "the same object for the whole attempt (its uid)",
    Rule.UNTOUCHED: "the same object with the same contents for the whole attempt",
    Rule.SCALED: "the same object, never without replicas, for the whole attempt",
    Rule.EXISTS: "an object of that name for the whole attempt",
}


def guarded(look: Callable[[], T], require_intact: Callable[[], None]) -> T:
    """Call `look`, and say what it says unless a safeguard is broken.

    A broken safeguard outweighs everything: it cannot be repaired, so it is what the learner must
    know. Where the safeguards cannot be looked at, only a yes becomes an error.

    Raises:
        CheckFailed: a safeguard is broken, or the look said no.
        GradingError: the look, or the safeguards after a yes, could not be made.
    """
    try:
        answer = look()
    except AssertionError:
        with suppress(GradingError):
            require_intact()
        raise
    except GradingError:
        require_intact()
        raise
    require_intact()
    return answer


def require_intact(
    cluster: ClusterView, safeguards: Iterable[Safeguard], records: Mapping[str, Record]
) -> None:
    """Say no where one of these filled-in safeguards is broken.

    Args:
        cluster: where to look.
        safeguards: those that matter, in the order of lab.yaml.
        records: their objects as they were, by id of the safeguard.

    Raises:
        CheckFailed: one is broken; says what was done, when and by whom.
        GradingError: it could not be found out.
    """
    for safeguard in safeguards:
        record = records.get(safeguard.id)
        if record is None:
            raise GradingError(
                f"The safeguard {safeguard.id} came into the lab after this attempt had begun"
            )
        if deed := _Guard(cluster, safeguard, record).deed():
            place = "/".join(p for p in (safeguard.object.namespace, safeguard.object.name) if p)
            raise CheckFailed(
                f"{safeguard.title}: the {safeguard.object.kind} {place} {deed}",
                expected=_EXPECTED[safeguard.rule],
                found=deed.what,
                hint=_HINT,
            )


@dataclass(frozen=True)
class _Guard:
    """One safeguard, its object as it was, and where to look."""

    cluster: ClusterView
    safeguard: Safeguard
    record: Record

    def deed(self) -> Deed | None:
        """Return what broke the safeguard; None while it holds."""
        found = self._find()
        if self.safeguard.rule is Rule.EXISTS:
            return self._absence(found)
        if found is None or not self._is_the_same(found):
            return self._removal(found)
        if self.safeguard.rule is Rule.SURVIVES or not self._was_written(found):
            return None
        return self._scaling(found) if self.safeguard.rule is Rule.SCALED else self._change(found)

    def _find(self) -> dict[str, Any] | None:
        wanted = self.safeguard.object
        try:
            return self.cluster.find(wanted.kind, wanted.name, wanted.namespace, wanted.api_version)
        except Missing:
            return None  # not even the kind is there any more

    def _is_the_same(self, found: Mapping[str, Any]) -> bool:
        metadata = found["metadata"]
        return metadata["uid"] == self.record["uid"] and "deletionTimestamp" not in metadata

    def _was_written(self, found: Mapping[str, Any]) -> bool:
        metadata = found["metadata"]
        if generation := self.record["generation"]:
            return bool(metadata.get("generation") != generation)
        return bool(metadata["resourceVersion"] != self.record["version"])

    def _removal(self, found: Mapping[str, Any] | None) -> Deed:
        what = "was deleted" if found is None else "was deleted and made again"
        if found is not None and found["metadata"]["uid"] == self.record["uid"]:
            what = "is being deleted"
        with suppress(AuditIncomplete):  # that it is gone is known without the log
            event = history.removal(self.record, self.safeguard.object.name, self._removals())
            if event is not None:
                return Deed.seen_in(event, what)
        return Deed(what)

    def _absence(self, found: Mapping[str, Any] | None) -> Deed | None:
        if found is None:
            return self._removal(None)
        if found["metadata"]["uid"] == self.record["uid"]:
            return None
        events = [*self._removals(), *self._events(("create", *_WRITING))]
        gone = history.absence(self.safeguard.object.name, sorted(events, key=_time_of))
        return None if gone is None else Deed.seen_in(gone, "was deleted and stayed away")

    def _scaling(self, found: Mapping[str, Any]) -> Deed | None:
        event = history.scaled_to_zero(self._events(_WRITING, self.safeguard.object.name))
        if event is not None:
            return Deed.seen_in(event, "was scaled to zero")
        return Deed("was scaled to zero") if replicas_of(found) == 0 else None

    def _change(self, found: Mapping[str, Any]) -> Deed | None:
        events = self._events(_WRITING, self.safeguard.object.name)
        if deed := next(history.changes(self.record, found["kind"], events), None):
            return deed
        paths = history.differing_paths(self.record["content"], content_of(found))
        return Deed(f"was changed ({history.say_paths(paths)})") if paths else None

    def _removals(self) -> list[AuditEvent]:
        events = self._events(_REMOVING)
        if namespace := self.safeguard.object.namespace:
            own = self.cluster.audit("delete", "namespaces", name=namespace)
            events += history.since(self.record, own)
        return sorted(events, key=_time_of)

    def _events(self, verbs: tuple[str, ...], name: str | None = None) -> list[AuditEvent]:
        namespace = self.safeguard.object.namespace
        events = self.cluster.audit(verbs, self.record["plural"], None, namespace, name)
        return list(history.since(self.record, events))


def _time_of(event: AuditEvent) -> str:
    return event.time
