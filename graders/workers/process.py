"""WorkerProcess: one worker as seen by its runner. Leaving the context kills what is left of it."""

from __future__ import annotations

import fcntl
import os
import select
import selectors
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, BinaryIO, Protocol

from graders.errors import Cancelled
from graders.kubeconfig import Access
from graders.messages import Order, Receiver
from graders.workers.family import Family, Forked, WorkerFailed, ZygoteGone
from graders.workers.host import Host

OUTPUT_KEPT = 64 << 10
"""Bytes of the end of a worker's output that are kept for operators."""
OUTPUT_LIMIT = 1 << 20
"""A check that prints more bytes than this is out of its mind."""
START_SECONDS = 60.0
"""A worker must be ready within this: it has looked at the cluster, and removed what was left."""
_CHUNK = 64 << 10
_EXIT_SECONDS = 5.0
_CANCEL_SECONDS = 0.05
"""So often a grading that can be cancelled looks whether it was."""


class Closable(Protocol):
    """Something with a descriptor."""

    def fileno(self) -> int:
        """Return the descriptor."""

    def close(self) -> None:
        """Close it."""


class WorkerProcess:
    """One running worker. A context manager."""

    def __init__(
        self, family: Family, details: Mapping[str, Any], access: Access, host: Host
    ) -> None:
        """Fork a worker and let it get ready for an order; `begin` gives it one.

        Args:
            family: where it comes from.
            details: what the family must know to fork it.
            access: the cluster that the order will be about.
            host: answers what it asks; closed with the worker.

        Raises:
            GradingError: it could not be forked.
        """
        self.family = family
        self._output = bytearray()
        self._printed = 0
        self._host = host
        self._writer: threading.Thread | None = None
        self._handed_over = 0
        self._heard = False
        self.dismissed = False
        """Whether it is killed already, and only its traces are left."""
        with ExitStack() as resources:
            resources.callback(host.close)
            order_in, self._order_pipe = _pipe(resources)
            self._messages, messages_out = _pipe(resources)
            self._output_pipe, output_out = _pipe(resources)
            born_with: list[Closable] = [order_in, output_out, messages_out, host.worker_end]
            if (connection := host.connect()) is not None:
                born_with.append(resources.enter_context(connection))
            request = {"do": "worker", **details}
            self._forked = family.fork(request, [end.fileno() for end in born_with])
            resources.callback(os.close, self._forked.handle)
            for end in born_with:
                end.close()
            self._resources = resources.pop_all()
        self._selector = self._resources.enter_context(selectors.DefaultSelector())
        for pipe in (self._messages, self._output_pipe):
            os.set_blocking(pipe.fileno(), False)
        for source in (self._messages, self._output_pipe, host, self._forked.handle):
            self._selector.register(source, selectors.EVENT_READ)
        self._hand_over(access.model_dump_json())

    def begin(self, order: Order) -> None:
        """Give the worker its order."""
        self._receiver = Receiver(order.key)
        self.allow(START_SECONDS, f"The grader was not ready within {START_SECONDS:.0f} s")
        self._hand_over(order.model_dump_json())

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return not self.family.gone and not has_ended(self._forked, 0)

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
    def pid(self) -> int:
        """The process."""
        return self._forked.pid

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
            ZygoteGone: it died before its first word, with the process that had forked it.
            Forged: something else came out of its pipe.
        """
        while True:
            if cancel is not None and cancel.is_set():
                raise Cancelled("The check was cancelled")
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise WorkerFailed(self._too_late)
            ready = self._selector.select(left if cancel is None else min(left, _CANCEL_SECONDS))
            ended = any(key.fileobj == self._forked.handle for key, _ in ready)
            if any(key.fileobj is self._host for key, _ in ready):
                self._serve_host()
            data = _read(self._messages)
            self._drain_output()
            for message in self._receiver.feed(data or b""):
                self._heard = True
                yield message
            if data == b"" or (ended and data is None):
                raise self._failure()

    def dismiss(self) -> None:
        """Kill the worker, of which nothing can be left; `close` clears up, whenever there is time.

        Only for one that did all of its order well.
        """
        with suppress(OSError):  # it has ended already, or only its zygote may do that
            signal.pidfd_send_signal(self._forked.handle, signal.SIGKILL)
        self.dismissed = True

    def close(self) -> None:
        """Kill what is left of the worker."""
        with self._resources:
            self.family.end(self._forked)
            if self._writer is not None:
                self._writer.join()
            with suppress(WorkerFailed):
                self._drain_output()

    def _serve_host(self) -> None:
        if not self._host.serve_one():
            self._selector.unregister(self._host)

    def _hand_over(self, line: str) -> None:
        """Write a line, and leave the pipe open: its end tells of the runner's death.

        A line may be larger than the pipe, and the worker may never read it.
        """
        data = line.encode() + b"\n"
        self._handed_over += len(data)
        if self._handed_over <= fcntl.fcntl(self._order_pipe, fcntl.F_GETPIPE_SZ):
            self._write(data)
            return
        before = self._writer
        self._writer = threading.Thread(target=self._write, args=(data, before), daemon=True)
        self._writer.start()

    def _write(self, data: bytes, after: threading.Thread | None = None) -> None:
        if after is not None:
            after.join()
        with suppress(OSError, ValueError):
            while data:
                data = data[os.write(self._order_pipe.fileno(), data) :]

    def _drain_output(self) -> None:
        while data := _read(self._output_pipe):
            self._printed += len(data)
            self._output = (self._output + data)[-OUTPUT_KEPT:]
            if self._printed > OUTPUT_LIMIT:
                raise WorkerFailed(f"The check printed more than {OUTPUT_LIMIT >> 20} MiB")

    def _failure(self) -> WorkerFailed:
        sentence = f"The check ended its grader ({self._how_it_ended()})"
        return (
            WorkerFailed(sentence) if self._heard or not self.family.gone else ZygoteGone(sentence)
        )

    def _how_it_ended(self) -> str:
        if not has_ended(self._forked, _EXIT_SECONDS):
            return "it closed the pipe of the results"
        return self.family.end(self._forked)


def has_ended(forked: Forked, seconds: float) -> bool:
    """Wait for a process to end, at most so long; return whether it has."""
    poll = select.poll()
    poll.register(forked.handle, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


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
