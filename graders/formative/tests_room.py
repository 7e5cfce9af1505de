"""The tests' room: runs the author's tests, hidden ones too. No code of the learner's comes in.

Names that the learner defined are there as data, or as stand-ins that ask the learner's room.
"""

from __future__ import annotations

import builtins
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from graders.formative.cell_run import as_main_module, run_cell
from graders.formative.lines import Lines
from graders.formative.stand_in import LearnerError, StandIn, reference_of
from graders.formative.values import Reference, ValueInvalid, from_wire, is_data, to_wire

_DELETED = object()


class TestsRoom:
    """Answers the orders of the grader, one at a time."""

    __test__ = False

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._names = as_main_module()
        self._own: set[str] = set()
        """Names that the learner cannot give another meaning."""
        self._taken: dict[str, Any] = {}
        """The learner's names, with the values that both rooms have."""

    def serve(self) -> None:
        """Answer until the grader has gone."""
        while True:
            order = self._lines.receive()
            if order["do"] == "bind":
                self._bind(order["names"])
                self._lines.send({})
            else:
                self._lines.send(self._run(order))

    def _run(self, order: Mapping[str, Any]) -> dict[str, Any]:
        before = dict(self._names)
        ran = run_cell(order["source"], order["name"], self._names, order["seconds"])
        for name, value in self._names.items():
            changed = name not in before or before[name] is not value
            if changed and (order["tests"] or not is_data(value)):
                self._own.add(name)
        return {**ran.to_json(), "changes": self._changes()}

    def _bind(self, names: Mapping[str, Any]) -> None:
        """Take over what the learner defined.

        Data that the author gave may have been changed by the learner: the task may say so. But
        what the tests themselves define, functions that the author gave, and Python's own keep
        their meaning.
        """
        for name, document in names.items():
            if name in self._own or hasattr(builtins, name) or name.startswith("_"):
                continue
            try:
                self._names[name] = self._taken[name] = from_wire(document, self._stand_in)
            except ValueInvalid:
                self._names.pop(name, None)

    def _changes(self) -> dict[str, Any]:
        """Return what the tests did to the learner's names since the learner's room was told.

        A test may delete a function for a moment, to see that another one uses it.
        """
        changes = {}
        for name, known in list(self._taken.items()):
            now = self._names.get(name, _DELETED)
            if now is known:
                continue
            try:
                changes[name] = None if now is _DELETED else [to_wire(now, reference_of)]
            except TypeError:
                continue  # a thing of the tests' own, of the same name by chance
            self._taken[name] = now
        return changes

    def _stand_in(self, reference: Reference) -> StandIn:
        return StandIn(reference, self._ask)

    def _ask(
        self, do: str, reference: Reference, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        """Have the learner's room do something, and return or raise what came of it."""
        question = {
            "do": do,
            "reference": reference.number,
            "arguments": to_wire(list(arguments), reference_of),
            "keywords": to_wire(keywords, reference_of),
            "changes": self._changes(),
        }
        with _no_interruption():
            self._lines.send({"ask": question})
            answer = self._lines.receive()
        sys.stdout.write(str(answer.get("printed", "")))
        try:
            return self._value_of(answer, arguments)
        except (ValueInvalid, KeyError) as error:
            raise LearnerError("the code gave no answer that can be read") from error

    def _value_of(self, answer: Mapping[str, Any], arguments: tuple[Any, ...]) -> Any:
        if failure := answer.get("failure"):
            raise _exception(str(failure["name"]), str(failure["text"]))
        changed = from_wire(answer["arguments"], self._stand_in)
        for mine, now in zip(arguments, changed, strict=True):
            _change_to(mine, now)
        return from_wire(answer["value"], self._stand_in)


@contextmanager
def _no_interruption() -> Iterator[None]:
    """Keep the clock from breaking off a question half way."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})


def _change_to(mine: object, now: object) -> None:
    """Do to an argument of the tests what the learner's code did to its copy of it."""
    if isinstance(mine, list) and isinstance(now, list):
        mine[:] = now
    elif isinstance(mine, dict) and isinstance(now, dict):
        mine.clear()
        mine.update(now)
    elif isinstance(mine, set) and isinstance(now, set):
        mine.clear()
        mine.update(now)


def _exception(name: str, text: str) -> Exception:
    """Return what the learner's code raised: an exception of Python's own, or a LearnerError."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(text)
        except TypeError:
            pass  # UnicodeDecodeError and its like want more than a text
    return LearnerError(f"{name}: {text}")
