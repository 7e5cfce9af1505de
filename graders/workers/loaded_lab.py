"""LoadedLab: the zygote of a lab as the pool keeps it."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import NamedTuple

from graders.errors import GradingError
from graders.workers import process
from graders.workers.channel import Channel, ChannelClosed
from graders.workers.digest import checks_digest
from graders.workers.family import Family, Forked, WorkerFailed

log = logging.getLogger(__name__)

_EXIT_SECONDS = 5.0


class Key(NamedTuple):
    """A folder of checks in one state of its files."""

    checks: Path
    digest: str


def key_of(checks: Path) -> Key:
    """Return a folder of checks as it is now.

    Raises:
        GradingError: it cannot be read.
    """
    try:
        return Key(checks, checks_digest(checks))
    except OSError as error:
        raise GradingError(f"The checks of this lab cannot be read: {error.strerror}") from error


class LoadedLab:
    """One zygote with a lab's checks. Changed under the pool's lock only."""

    def __init__(self, key: Key, family: Family, forked: Forked, parent: Family) -> None:
        """Keep a zygote that `parent` forked and that answers as `family`."""
        self.key = key
        self.family = family
        self.used_at = time.monotonic()
        self.forks = 0
        self.busy = 0
        """Gradings that use it now."""
        self._forked = forked
        self._parent = parent

    def answers(self) -> bool:
        """Whether its process lives."""
        return not self.family.gone and not process.has_ended(self._forked, 0)

    def taken(self) -> None:
        """Note that a grading begins."""
        self.forks += 1
        self.busy += 1

    def given_back(self) -> None:
        """Note that a grading ended."""
        self.busy -= 1
        self.used_at = time.monotonic()

    def close(self) -> None:
        """End its process and whatever it started."""
        self.family.close()
        self._parent.end(self._forked)
        os.close(self._forked.handle)


def load_lab(key: Key, parent: Family, number: int) -> LoadedLab | None:
    """Have a lab loaded; None where its files changed meanwhile.

    Args:
        key: the lab.
        parent: the zygote to fork it from.
        number: differs from that of every other process the pool has had forked.

    Raises:
        ZygoteGone: `parent` is dead.
        WorkerFailed: the checks cannot be loaded; the sentence says why.
    """
    ours, theirs = Channel.pair()
    output = os.memfd_create("output")
    try:
        request = {"do": "lab", "checks": str(key.checks), "number": number}
        try:
            forked = parent.fork(request, [theirs.fileno(), output])
        except WorkerFailed:
            ours.close()
            raise
        theirs.close()
        lab = LoadedLab(key, Family(ours), forked, parent)
        try:
            confined = _wait_until_loaded(lab, forked, parent)
        except BaseException:
            _tell_operators(key, output)
            lab.close()
            raise
    finally:
        theirs.close()
        os.close(output)
    log.debug("checks of %s are loaded; confined: %s", key.checks.parent.name, confined)
    if key_of(key.checks) != key:
        lab.close()
        return None
    return lab


def _wait_until_loaded(lab: LoadedLab, forked: Forked, parent: Family) -> object:
    seconds = process.START_SECONDS
    try:
        word = lab.family.wait_for_word(seconds)
    except TimeoutError as error:
        raise WorkerFailed(f"The grader was not ready within {seconds:.0f} s") from error
    except (ChannelClosed, ValueError) as error:
        process.has_ended(forked, _EXIT_SECONDS)
        raise WorkerFailed(f"The check ended its grader ({parent.end(forked)})") from error
    if "problem" in word:
        raise WorkerFailed(str(word["problem"]))
    return word["confined"]


def _tell_operators(key: Key, output: int) -> None:
    size = os.fstat(output).st_size
    text = os.pread(output, process.OUTPUT_KEPT, max(0, size - process.OUTPUT_KEPT))
    if text:
        name = key.checks.parent.name
        log.warning("lab %s: output while loading:\n%s", name, text.decode(errors="replace"))
