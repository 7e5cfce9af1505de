"""The first process of a container: keeps its log, passes signals on, and writes how it ended.

It is ours, so that whoever ends it ends the whole container, and so that nobody has to be there to
hear how a container ended. Its log has the format of the container runtime interface:
`<time> stdout|stderr F|P <line>`.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import time
from typing import Any

CANNOT_START = "cannot start"
"""What a program that could not be executed leaves in its log, before its name."""
LARGEST_LOG = 5 * 2**20
"""Bytes of a log; the part before is kept once."""
_LONGEST_LINE = 16 * 2**10
_CHUNK = 1 << 16


class Log:
    """A log file in an open folder."""

    def __init__(self, folder: int, name: str) -> None:
        """Append to the log `name`."""
        self._folder, self._name = folder, name
        self._left = {"stdout": b"", "stderr": b""}
        self._open()

    def add(self, stream: str, data: bytes) -> None:
        """Write what a stream said; a line that has not ended waits for its end."""
        *lines, rest = (self._left[stream] + data).split(b"\n")
        while len(rest) > _LONGEST_LINE:
            self._write(stream, b"P", [rest[:_LONGEST_LINE]])
            rest = rest[_LONGEST_LINE:]
        self._left[stream] = rest
        self._write(stream, b"F", lines)

    def end(self) -> None:
        """Write what never ended."""
        for stream, rest in self._left.items():
            self._write(stream, b"P", [rest] if rest else [])

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._name, flags, 0o600, dir_fd=self._folder)
        self._size = os.fstat(self._file).st_size

    def _write(self, stream: str, tag: bytes, lines: list[bytes]) -> None:
        head = f"{now()} {stream} ".encode() + tag + b" "
        text = b"".join(head + line + b"\n" for line in lines)
        if not text:
            return
        try:
            os.write(self._file, text)
            self._size += len(text)
            if self._size > LARGEST_LOG:
                older = f"{self._name}.1"
                os.rename(self._name, older, src_dir_fd=self._folder, dst_dir_fd=self._folder)
                os.close(self._file)
                self._open()
        except OSError:  # a full disk: the container goes on without a log
            pass


def now() -> str:
    """Return the time as logs have it: RFC 3339 with nanoseconds."""
    seconds, rest = divmod(time.time_ns(), 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"


class Init:
    """Watches over one program until it has ended."""

    def __init__(self, program: int, folder: int, attempt: str, outputs: dict[int, str]) -> None:
        """Watch over a program.

        Args:
            program: its process id.
            folder: open folder of the container: its log and its result go there.
            attempt: the start of their names.
            outputs: read ends of its outputs, with their names.
        """
        self._program = program
        self._folder = folder
        self._attempt = attempt
        self._outputs = outputs
        self._log = Log(folder, f"{attempt}.log")

    def watch(self, wakeup: int) -> None:
        """Work until the program has ended, and write its result.

        Args:
            wakeup: read end of what signals are told by (signal.set_wakeup_fd).
        """
        poll = select.poll()
        for descriptor in (wakeup, *self._outputs):
            poll.register(descriptor, select.POLLIN)
        code = None
        while code is None:
            for descriptor, _ in poll.poll():
                if descriptor == wakeup:
                    code = self._hear(wakeup) if code is None else code
                elif not self._copy(descriptor):
                    poll.unregister(descriptor)
        self._drain()
        self._write_result(code)

    def _hear(self, wakeup: int) -> int | None:
        for number in os.read(wakeup, 64):
            if number != signal.SIGCHLD:
                self._pass_on(number)
        return self._reap()

    def _pass_on(self, number: int) -> None:
        try:
            os.kill(self._program, number)
        except OSError as error:
            if error.errno != errno.ESRCH:
                raise

    def _reap(self) -> int | None:
        """Reap whoever has ended, and return the program's exit code when it is among them."""
        code = None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return code
            if pid == 0:
                return code
            if pid == self._program:
                ended = os.waitstatus_to_exitcode(status)
                code = ended if ended >= 0 else 128 - ended

    def _copy(self, descriptor: int) -> bool:
        """Copy what an output holds; return False at its end."""
        data = os.read(descriptor, _CHUNK)
        self._log.add(self._outputs[descriptor], data)
        return bool(data)

    def _drain(self) -> None:
        """Copy what the program said last; its children may hold the outputs open for ever."""
        for descriptor in self._outputs:
            os.set_blocking(descriptor, False)
            try:
                while self._copy(descriptor):
                    pass
            except BlockingIOError:
                pass
        self._log.end()

    def _write_result(self, code: int) -> None:
        write_json(
            self._folder, f"{self._attempt}.json", {"exit_code": code, "finished_at": time.time()}
        )


def write_json(folder: int, name: str, document: dict[str, Any]) -> None:
    """Write a file of an open folder whole or not at all."""
    unfinished = f".{name}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with open(os.open(unfinished, flags, 0o600, dir_fd=folder), "w", encoding="utf-8") as file:
        json.dump(document, file)
    os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
