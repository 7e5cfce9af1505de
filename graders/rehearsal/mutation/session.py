"""Session: what is heard, and changed, while one step is run through the tap."""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import replace

import yaml

from graders.rehearsal.mutation.fields import REMOVED, Place, made_wrong, wrong_ways
from graders.rehearsal.mutation.mutant import GeneratedMutant, Operator
from graders.rehearsal.mutation.undo import Former, without_traces
from graders.rehearsal.mutation.upstream import Upstream
from graders.rehearsal.mutation.writes import Request, Target, Verb, Write

_NOT_FOUND = 404
_DECOY = "-decoy"
_ELSEWHERE = ("default", "kube-public")


class Session(ABC):
    """Hears every request of one step, in the order in which they are sent."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self._counts: Counter[tuple[Verb, str]] = Counter()
        self._lock = threading.Lock()

    def meet(self, request: Request) -> Request:
        """Return what is sent to the API server in place of a request."""
        with self._lock:
            write = self._write_of(request)
            return request if write is None else self.meet_write(request, write)

    @abstractmethod
    def meet_write(self, request: Request, write: Write) -> Request:
        """Return what is sent in place of a write."""

    def _write_of(self, request: Request) -> Write | None:
        verb, target = request.verb, Target.of_path(request.path)
        if verb is None or target is None or (verb is Verb.DELETE and self._goes_anyway(target)):
            return None
        self._counts[verb, target.kind] += 1
        number = self._counts[verb, target.kind]
        return Write(verb, target, number, self._document_of(request))

    def _goes_anyway(self, target: Target) -> bool:
        """Return whether an object goes with its owner: whether it is deleted itself is chance."""
        status, found = self.upstream.ask("GET", target.path)
        return status == _NOT_FOUND or "ownerReferences" in (found.get("metadata") or {})

    def _document_of(self, request: Request) -> object:
        if not request.is_binary:
            return _document(request.content)
        status, answer = self.upstream.answer(request.tried())  # the API server can read it
        return without_traces(answer) if status < 400 else None


class Recording(Session):
    """Changes nothing, and derives the mutants of the step from what it does.

    Each field made wrong is tried on the API server first, at the very moment at which the right
    one is sent: what it refuses is no mutant, and neither is what it makes the same object of.
    """

    def __init__(self, upstream: Upstream, task: str) -> None:
        super().__init__(upstream)
        self._task = task
        self._mutants: list[GeneratedMutant] = []
        self._namespaces: set[str] = set()
        self.refused = 0
        """Mutants that the API server would not take, or would take for the right one."""

    def meet_write(self, request: Request, write: Write) -> Request:
        """Note the write and what can be wrong about it."""
        if not self._changes_nothing(request, write):
            self._add(Operator.DROP, write.label)
        if write.target.namespace:
            self._namespaces.add(write.target.namespace)
        if write.verb is Verb.CREATE and _name(write.body):
            self._add(Operator.DECOY, write.label)
        if write.verb is not Verb.DELETE and write.body is not None:
            self._try_fields(request, write)
        return request

    @property
    def mutants(self) -> tuple[GeneratedMutant, ...]:
        """All that could be wrong, in a fixed order."""
        if not self._mutants:
            return ()
        whole = [Operator.UNDO, Operator.LATE]
        if self._namespaces:
            whole.append(Operator.ELSEWHERE)
        return (*self._mutants, *(GeneratedMutant(self._task, operator) for operator in whole))

    def _changes_nothing(self, request: Request, write: Write) -> bool:
        if write.verb in (Verb.CREATE, Verb.DELETE):
            return False
        status, before = self.upstream.ask("GET", write.target.path)
        _, after = self.upstream.answer(request.tried())
        return status < 400 and without_traces(before) == without_traces(after)

    def _add(self, operator: Operator, label: str) -> None:
        self._mutants.append(GeneratedMutant(self._task, operator, label))

    def _try_fields(self, request: Request, write: Write) -> None:
        status, right = self.upstream.answer(request.tried())
        if status >= 400:
            return  # it will be refused as it is, and shows in the run
        defaults: list[Place] = []
        for place, how in wrong_ways(write.body):
            if any(place[: len(default)] == default for default in defaults):
                continue
            wrong = request.with_document(made_wrong(write.body, place, how))
            status, answer = self.upstream.answer(wrong.tried())
            if status < 400 and without_traces(answer) != without_traces(right):
                found = GeneratedMutant(self._task, Operator.CHANGE, write.label, place, how)
                self._mutants.append(found)
                continue
            self.refused += 1
            if request.is_binary and how == REMOVED and status < 400:
                defaults.append(place)  # the API server wrote it, not the step


class Sabotage(Session):
    """Does what one mutant says."""

    def __init__(self, upstream: Upstream, mutant: GeneratedMutant) -> None:
        super().__init__(upstream)
        self._mutant = mutant
        self._former: list[Former] = []
        self._met = False
        self._last = time.monotonic()

    def is_done(self, idle: float) -> bool:
        """Return whether it is done wrongly, and nothing was asked for these seconds."""
        return not self.problem and time.monotonic() - self._last > idle

    @property
    def problem(self) -> str:
        """Why the mutant was not what it says; empty when it was."""
        mutant = self._mutant
        if mutant.write and not self._met:
            return f"the step no longer does {mutant.write!r}"
        return ""

    def meet(self, request: Request) -> Request:
        """Send everything elsewhere where the mutant says so."""
        self._last = time.monotonic()
        if self._mutant.operator is Operator.ELSEWHERE:
            return _sent_elsewhere(request)
        return super().meet(request)

    def meet_write(self, request: Request, write: Write) -> Request:
        """Do the write wrongly where it is the one."""
        if self._mutant.operator is Operator.UNDO:
            self._former.append(Former.before(self.upstream, write))
        if write.label != self._mutant.write:
            return request
        self._met = True
        match self._mutant.operator:
            case Operator.DROP:
                return request.tried()
            case Operator.DECOY:
                return request.with_document(_renamed(write.body))
            case Operator.CHANGE:
                return self._with_change(request, write)
        return request

    def undo(self) -> list[str]:
        """Put everything back, the last first; return what could not be."""
        problems = [former.put_back(self.upstream) for former in reversed(self._former)]
        return [problem for problem in problems if problem]

    def _with_change(self, request: Request, write: Write) -> Request:
        try:
            wrong = made_wrong(write.body, self._mutant.place, self._mutant.how)
        except LookupError:
            self._met = False
            return request
        return request.with_document(wrong)


def _document(content: bytes) -> object:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        pass
    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError):
        return None  # in a form that only programs read


def _name(body: object) -> str:
    metadata = body.get("metadata") if isinstance(body, dict) else None
    return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""


def _renamed(body: object) -> object:
    assert isinstance(body, dict)
    return {**body, "metadata": {**body["metadata"], "name": _name(body) + _DECOY}}


def _sent_elsewhere(request: Request) -> Request:
    target = Target.of_path(request.path)
    if target is None or not target.namespace or target.namespace == "assay-system":
        return request
    there = next(name for name in _ELSEWHERE if name != target.namespace)
    moved = replace(request, path=replace(target, namespace=there).path)
    document = _document(request.content)
    metadata = document.get("metadata") if isinstance(document, dict) else None
    if not isinstance(metadata, dict) or "namespace" not in metadata:
        return moved
    assert isinstance(document, dict)
    return moved.with_document({**document, "metadata": {**metadata, "namespace": there}})
