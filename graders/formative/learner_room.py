"""The learner's room: runs what the learner wrote, and lets the tests use it from outside.

Tests never come in here, nor do solutions. What leaves is data, and numbers for everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from itertools import islice
from types import ModuleType
from typing import Any

from graders.formative.cell_run import KeptOutput, as_main_module, failure_of, run_cell, time_limit
from graders.formative.lines import Lines
from graders.formative.values import SIZE_LIMIT, Reference, from_wire, to_wire

_OPERATIONS: dict[str, Callable[..., object]] = {
    "call": lambda thing, *arguments, **keywords: thing(*arguments, **keywords),
    "get": getattr,
    "set": setattr,
    "item": lambda thing, key: thing[key],
    "put": lambda thing, key, value: thing.__setitem__(key, value),
    "length": len,
    "contains": lambda thing, part: part in thing,
    "iterate": lambda thing: list(islice(iter(thing), SIZE_LIMIT)),
    "text": str,
    "repr": repr,
}
"""What the tests can do with something that is no data."""


class LearnerRoom:
    """Answers the orders of the grader, one at a time."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._names = as_main_module()
        self._kept: list[object] = []

    def serve(self) -> None:
        """Answer until the grader has gone."""
        while True:
            order = self._lines.receive()
            match order["do"]:
                case "run":
                    answer = self._run(order)
                case "names":
                    answer = {"names": self._public_names()}
                case "change":
                    self._change(order["changes"])
                    answer = {}
                case _:
                    self._change(order["changes"])
                    answer = self._use(order)
            self._lines.send(answer)

    def _run(self, order: Mapping[str, Any]) -> dict[str, Any]:
        return run_cell(order["source"], order["name"], self._names, order["seconds"]).to_json()

    def _public_names(self) -> dict[str, Any]:
        return {
            name: to_wire(value, self._keep)
            for name, value in list(self._names.items())
            if not name.startswith("_") and not isinstance(value, ModuleType)
        }

    def _change(self, changes: Mapping[str, Any]) -> None:
        """Do what the tests did to names: None where they deleted one, else the value alone."""
        for name, value in changes.items():
            if value is None:
                self._names.pop(name, None)
            else:
                self._names[name] = from_wire(value[0], self._kept_as)

    def _use(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Do what the tests do with a kept object."""
        printed = KeptOutput()
        arguments = from_wire(order["arguments"], self._kept_as)
        keywords = from_wire(order["keywords"], self._kept_as)
        thing = self._kept[order["reference"]]
        try:
            with redirect_stdout(printed), redirect_stderr(KeptOutput()):
                with time_limit(order["seconds"]):
                    value = _OPERATIONS[order["do"]](thing, *arguments, **keywords)
            answer = {"value": to_wire(value, self._keep)}
        except BaseException as error:
            failure = failure_of(error, "")
            answer = {"failure": {"name": failure.name, "text": failure.text}}
        changed = to_wire(arguments, self._keep)
        return {**answer, "printed": printed.getvalue(), "arguments": changed}

    def _keep(self, value: object) -> Reference:
        self._kept.append(value)
        return Reference(len(self._kept) - 1, type(value).__name__)

    def _kept_as(self, reference: Reference) -> object:
        return self._kept[reference.number]
