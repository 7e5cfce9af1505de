"""WorkerProcess: a `python -m graders.worker` as seen by its runner.

It is a session and process group of its own, with an empty folder to be in, nothing of the
platform's environment, and four descriptors: order in, output (twice), messages out. Leaving the
context kills whatever is left of it.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, BinaryIO

import psutil

from graders.errors import Cancelled, GradingError
from graders.messages import Order, Receiver

OUTPUT_KEPT = 64 << 10
"""Bytes of the end of a worker's output that are kept for operators."""
OUTPUT_LIMIT = 1 << 20
"""A check that prints more bytes than this is out of its mind."""
START_SECONDS = 60.0
"""A worker must be ready within this; it loads pytest and the Kubernetes client."""
_CHUNK = 64 << 10
_EXIT_SECONDS = 5.0
_CANCEL_SECONDS = 0.05
"""So often a grading that can be cancelled looks whether it was."""


class WorkerFailed(GradingError):
    """A worker died, hung, or did something that nothing may be believed after."""


class WorkerProcess:
    """One running worker. A context manager."""

    def __init__(self, order: Callable[[int], Order]) -> None:
        """Start a worker.

        Args:
            order: makes its order, given the descriptor that its messages go to.

        Raises:
            OSError: this host cannot start one more process.
        """
        self._output = bytearray()
        with ExitStack() as resources:
            self._folder = resources.enter_context(
                tempfile.TemporaryDirectory(prefix="assay-worker-", ignore_cleanup_errors=True)
            )
            self._messages, messages_out = _pipe(resources)
            self._output_pipe, output_out = _pipe(resources)
            placed = order(messages_out.fileno())
            self._receiver = Receiver(placed.key)
            self._process = self._spawn(messages_out, output_out)
            messages_out.close()
            output_out.close()
            self._resources = resources.pop_all()
        self._selector = self._resources.enter_context(selectors.DefaultSelector())
        for pipe in (self._messages, self._output_pipe):
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ)
        self.allow(START_SECONDS, f"The grader was not ready within {START_SECONDS:.0f} s")
        # The order may be larger than the pipe, and the worker may never read it.
        text = placed.model_dump_json().encode() + b"\n"
        self._writer = threading.Thread(target=self._hand_over, args=(text,), daemon=True)
        self._writer.start()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def output(self) -> str:
        """The end of what the worker printed, for operators."""
        return self._output.decode(errors="replace")

    def allow(self, seconds: float, sentence: str) -> None:
        """Give the worker so long for its next message, and a clean slate for its output.

        Args:
            seconds: how long.
            sentence: what is said when it takes longer.
        """
        self._deadline = time.monotonic() + seconds
        self._too_late = sentence
        self._printed = 0

    def messages(self, cancel: threading.Event | None = None) -> Iterator[dict[str, Any]]:
        """Yield the worker's messages as they come.

        Args:
            cancel: ends the wait when it is set.

        Raises:
            Cancelled: `cancel` was set.
            WorkerFailed: it is too late, dead, or prints too much.
            Forged: something else came out of its pipe.
        """
        while True:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise WorkerFailed(self._too_late)
            if cancel is not None and cancel.is_set():
                raise Cancelled("The check was cancelled")
            self._selector.select(left if cancel is None else min(left, _CANCEL_SECONDS))
            data = _read(self._messages)
            self._drain_output()
            if data == b"":
                raise WorkerFailed(f"The check ended its grader ({self._how_it_ended()})")
            yield from self._receiver.feed(data or b"")

    def close(self) -> None:
        """Kill what is left of the worker and remove its folder."""
        _kill_tree(self._process.pid)
        self._process.wait()
        self._writer.join()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        with suppress(WorkerFailed):
            self._drain_output()
        self._resources.close()

    def _spawn(self, messages_out: BinaryIO, output_out: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-B", "-m", "graders.worker"],
            stdin=subprocess.PIPE,
            stdout=output_out,
            stderr=output_out,
            pass_fds=(messages_out.fileno(),),
            cwd=self._folder,
            env=_environment(self._folder),
            start_new_session=True,
        )

    def _hand_over(self, order: bytes) -> None:
        """Write the order, and leave standard input open: its end tells of the runner's death."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.write(order)
            self._process.stdin.flush()

    def _drain_output(self) -> None:
        while data := _read(self._output_pipe):
            self._printed += len(data)
            self._output = (self._output + data)[-OUTPUT_KEPT:]
            if self._printed > OUTPUT_LIMIT:
                raise WorkerFailed(f"The check printed more than {OUTPUT_LIMIT >> 20} MiB")

    def _how_it_ended(self) -> str:
        """Say how the worker died; it stays a zombie, so that its group keeps its number."""
        deadline = time.monotonic() + _EXIT_SECONDS
        while (end := _peek(self._process.pid)) is None:
            if time.monotonic() > deadline:
                return "it closed the pipe of the results"
            time.sleep(0.01)
        if end.si_code == os.CLD_EXITED:
            return f"exit code {end.si_status}"
        return signal.Signals(end.si_status).name


def _environment(folder: str) -> dict[str, str]:
    """Return the worker's whole environment: nothing of the platform's, above all no secrets."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


def _pipe(resources: ExitStack) -> tuple[BinaryIO, BinaryIO]:
    """Make a pipe whose reading and writing ends are closed with the rest."""
    reading, writing = os.pipe()
    return (
        resources.enter_context(open(reading, "rb", buffering=0)),
        resources.enter_context(open(writing, "wb", buffering=0)),
    )


def _read(pipe: BinaryIO) -> bytes | None:
    """Return what is there, `b""` at the end, None when there is nothing now."""
    try:
        return os.read(pipe.fileno(), _CHUNK)
    except BlockingIOError:
        return None


def _peek(pid: int) -> os.waitid_result | None:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)


def _kill_tree(pid: int) -> None:
    """Kill a process that was not waited for, its group, and descendants that left the group."""
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.kill()
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
