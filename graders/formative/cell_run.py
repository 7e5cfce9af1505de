"""Running one cell in this process: plain Python, its output kept, its time limited."""

from __future__ import annotations

import ast
import io
import linecache
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Any

OUTPUT_LIMIT = 64 << 10
"""Characters that are kept of what a cell prints."""
_TEXT_LIMIT = 4000


class TimeIsUp(BaseException):
    """Interrupts a cell; no Exception, so that nobody catches it by accident."""


@dataclass(frozen=True)
class Failure:
    """The exception that ended a cell."""

    name: str
    """Of its type."""
    text: str
    line: int
    """The line of the cell, from 1, that was running; 0 when none was."""


@dataclass(frozen=True)
class CellRun:
    """What running a cell gave."""

    printed: str
    complained: str
    """What went to standard error."""
    result: str | None
    """`repr` of the value of the last line, where it is an expression with a value."""
    failure: Failure | None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> CellRun:
        """Return what `to_json` wrote."""
        failure = document["failure"]
        return cls(**{**document, "failure": Failure(**failure) if failure else None})


class KeptOutput(io.StringIO):
    """Keeps the beginning of what is written to it."""

    def write(self, text: str) -> int:
        """Write as much as there is room for."""
        room = OUTPUT_LIMIT - self.tell()
        if room > 0:
            super().write(text[:room])
        return len(text)


def run_cell(source: str, name: str, namespace: dict[str, Any], seconds: float) -> CellRun:
    """Run a cell like a notebook would.

    Args:
        source: Python without magics.
        name: of the cell, for tracebacks.
        namespace: its global names.
        seconds: it is interrupted after so long.
    """
    filename = f"<{name}>"
    lines = source.splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)
    printed, complained = KeptOutput(), KeptOutput()
    result, failure = None, None
    try:
        with redirect_stdout(printed), redirect_stderr(complained), time_limit(seconds):
            value = _execute(source, filename, namespace)
            result = None if value is None else repr(value)[:_TEXT_LIMIT]
    except BaseException as error:
        failure = failure_of(error, filename)
    return CellRun(printed.getvalue(), complained.getvalue(), result, failure)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupt what happens inside after so long."""
    signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def failure_of(error: BaseException, filename: str) -> Failure:
    """Describe an exception; whatever it says about itself cannot break this."""
    if isinstance(error, TimeIsUp):
        name, text = "TimeoutError", "it took too long"
    else:
        name, text = type(error).__name__, _text_of(error)
    line = error.lineno or 0 if isinstance(error, SyntaxError) else 0
    frames = traceback.walk_tb(error.__traceback__)
    places = [number for frame, number in frames if frame.f_code.co_filename == filename]
    return Failure(name, text[:_TEXT_LIMIT], (places or [line])[-1])


def _execute(source: str, filename: str, namespace: dict[str, Any]) -> object:
    tree = ast.parse(source, filename)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compile(tree, filename, "exec", dont_inherit=True), namespace)
    if not isinstance(last, ast.Expr):
        return None
    expression = ast.Expression(last.value)
    return eval(compile(expression, filename, "eval", dont_inherit=True), namespace)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise TimeIsUp


def as_main_module() -> dict[str, Any]:
    """Return the names of a new, empty `__main__`."""
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    return module.__dict__
