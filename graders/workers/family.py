"""Family: a zygote as seen by the runner, which asks it for workers and for their end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from graders.errors import GradingError
from graders.workers.channel import Channel, ChannelClosed, Message

_ANSWER_SECONDS = 60.0
"""A zygote answers within milliseconds, once it has imported everything."""


class WorkerFailed(GradingError):
    """A worker died, hung, or did something that nothing may be believed after."""


class ZygoteGone(WorkerFailed):
    """The process that forks workers died; another one can be started."""


class Forked(NamedTuple):
    """A process that a zygote forked for us."""

    pid: int
    handle: int
    """A pidfd, to be closed by whoever asked for the process."""


class Family:
    """One zygote. Safe from several threads."""

    def __init__(self, channel: Channel) -> None:
        """Ask over the runner's end of a channel."""
        self._channel = channel
        self._turn = threading.Lock()
        self.gone = False
        """Whether it has turned out to be dead or stuck."""

    def fork(self, request: Mapping[str, Any], descriptors: Sequence[int]) -> Forked:
        """Have a process forked that is born with copies of these descriptors.

        Raises:
            ZygoteGone: nobody is there to do it.
        """
        answer = self._ask(request, descriptors)
        (handle,) = answer.descriptors
        return Forked(answer.document["pid"], handle)

    def end(self, forked: Forked) -> str:
        """Kill a process and what it started; return how it had ended until then."""
        try:
            how: str = self._ask({"do": "end", "pid": forked.pid}).document["how"]
        except ZygoteGone:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(forked.handle, signal.SIGKILL)
            return "with the process that had forked it"
        return how

    def wait_for_word(self, seconds: float) -> dict[str, Any]:
        """Return what the zygote says by itself.

        Raises:
            ChannelClosed: it ended.
            TimeoutError: it says nothing.
        """
        with self._turn:
            return self._channel.receive(seconds).document

    def close(self) -> None:
        """Let the zygote end, with all its children; whoever asks it something is refused."""
        self.gone = True
        self._channel.hang_up()
        with self._turn:
            self._channel.close()

    def _ask(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> Message:
        with self._turn:
            try:
                self._channel.send(request, descriptors)
                return self._channel.receive(_ANSWER_SECONDS)
            except (ChannelClosed, TimeoutError, ValueError) as error:
                self.gone = True
                raise ZygoteGone("The process that forks graders ended") from error
