"""Rooms: the two processes of one grading as the worker sees them.

    learner's room   given cells and the learner's answers
    tests' room      given cells and the tests

The worker carries data from one to the other. It believes the tests' room; whatever the learner's
room says is only ever an answer to a test.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from graders.errors import GradingError
from graders.formative.cell_run import CellRun, Failure
from graders.formative.lines import Lines, LinesBroken

CELL_SECONDS = 10.0
"""Time for one cell, tests with all that they call included."""
START_SECONDS = 30.0
_GRACE = 2.0
"""After its time a cell is interrupted; when that does not help, its room is given up."""


class Room:
    """One confined process. A context manager."""

    def __init__(self, role: Literal["learner", "tests"], folder: Path, uid: int | None) -> None:
        place = [str(os.getpid()), str(folder), *([] if uid is None else [str(uid)])]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-m", "graders.formative.room", role, *place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"HOME": str(folder), "LANG": "C.UTF-8", "TZ": "UTC", "PATH": ""},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.lines = Lines(self._process.stdout.fileno(), self._process.stdin.fileno())

    def __enter__(self) -> Room:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(PermissionError):  # it has another uid: it ends with this process
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


class Rooms:
    """Both rooms, and what goes between them. A context manager."""

    def __init__(self, folders: Mapping[str, tuple[Path, int | None]]) -> None:
        """Start both.

        Args:
            folders: for `learner` and `tests`, the folder it may write in and its account.
        """
        with ExitStack() as resources:
            self._learner = resources.enter_context(Room("learner", *folders["learner"]))
            self._tests = resources.enter_context(Room("tests", *folders["tests"]))
            self._resources = resources.pop_all()
        self._lost = ""
        """Why the learner's room does not answer any more."""
        self._stale = False
        """Whether the learner's names may have changed since the tests last took them over."""

    def __enter__(self) -> Rooms:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.close()

    def await_ready(self) -> None:
        """Wait until both are confined.

        Raises:
            GradingError: this host did not confine them, or is too slow.
        """
        try:
            for room in (self._learner, self._tests):
                room.lines.receive(START_SECONDS)
        except LinesBroken as error:
            raise GradingError(f"A room for the cells could not be made: {error}") from error

    def run_given(self, name: str, source: str) -> CellRun:
        """Run a cell of the author's in both rooms; return how it went in the tests' room.

        Raises:
            GradingError: the tests' room is lost.
        """
        self.run_answer(name, source)
        return self._run_in_tests(name, source, tests=False)

    def run_answer(self, name: str, source: str) -> CellRun:
        """Run a cell of the learner's."""
        self._stale = True
        order = {"do": "run", "name": name, "source": source, "seconds": CELL_SECONDS}
        answer = self._ask_learner(order, CELL_SECONDS)
        try:
            return CellRun.from_json(answer)
        except (KeyError, TypeError):
            return CellRun("", "", None, Failure("RoomLost", self._lost or "no answer", 0))

    def run_tests(self, name: str, source: str) -> CellRun:
        """Run tests of the author's, after the learner's names have been taken over.

        Raises:
            GradingError: the tests' room is lost.
        """
        if self._stale:
            names = self._ask_learner({"do": "names"}, CELL_SECONDS).get("names", {})
            self._order_tests({"do": "bind", "names": names if isinstance(names, dict) else {}})
            self._stale = False
        return self._run_in_tests(name, source, tests=True)

    def _run_in_tests(self, name: str, source: str, *, tests: bool) -> CellRun:
        order = {"do": "run", "name": name, "source": source, "tests": tests}
        answer = self._order_tests({**order, "seconds": CELL_SECONDS})
        if changes := answer.pop("changes"):
            self._ask_learner({"do": "change", "changes": changes}, CELL_SECONDS)
        return CellRun.from_json(answer)

    def _order_tests(self, order: dict[str, Any]) -> dict[str, Any]:
        """Have the tests' room do something, answering its questions meanwhile."""
        deadline = time.monotonic() + CELL_SECONDS
        lines = self._tests.lines
        try:
            lines.send(order)
            while True:
                message = lines.receive(deadline + 2 * _GRACE - time.monotonic())
                if "ask" not in message:
                    return message
                lines.send(self._ask_learner(message["ask"], deadline - time.monotonic()))
        except LinesBroken as error:
            raise GradingError(f"The tests broke off: {error}") from error

    def _ask_learner(self, order: dict[str, Any], seconds: float) -> dict[str, Any]:
        if not self._lost:
            try:
                self._learner.lines.send({"seconds": seconds, **order})
                return self._learner.lines.receive(max(seconds, 0) + _GRACE)
            except LinesBroken as error:
                self._lost = str(error)
        text = f"the code in this notebook does not run any more: {self._lost}"
        return {"failure": {"name": "RoomLost", "text": text}, "printed": ""}
