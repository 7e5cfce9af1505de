"""Messages between a runner and its worker: one order in, sealed lines out.

Each line is an HMAC-SHA256 and a JSON document with a running number. The key comes with the order
on standard input and is nowhere else, so whatever a check writes into the pipe is found out.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from graders.errors import GradingError
from graders.kubeconfig import Access
from graders.safeguards.safeguard import Safeguard
from graders.timing import Timing
from graders.variant import Value

Purpose = Literal["checks", "baseline", "sweep"]
"""What a worker is for; each first removes probes that a killed grader left."""
LINE_LIMIT = 4 << 20
"""Bytes of one message; results are cut far below it."""


class Forged(GradingError):
    """Something else than the worker's messages came out of its pipe."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OrderedTask(_Model):
    """One task to check and the time for it."""

    id: str
    seconds: int
    """Limit of the whole check."""
    timing: Timing = Timing()


class Order(_Model):
    """What a worker is to do. Sent on its standard input, since it holds the key."""

    purpose: Purpose
    key: str
    """Hexadecimal key of the seals."""
    checks: Path
    """The lab's folder of checks."""
    access: Access
    """The cluster, and the grader's credential there."""
    audited: bool = True
    """Whether the runner hands over the cluster's audit log."""
    sweep: bool = True
    """Whether probes may have been left that must go first."""
    cluster_uid: str
    """uid of the namespace kube-system; empty where it is not known yet."""
    learner: str
    seed: int
    values: dict[str, Value]
    """The variant's parameters."""
    answers: frozenset[str] = frozenset()
    """Names of those that the learner must find out."""
    baseline: dict[str, Any]
    tasks: tuple[OrderedTask, ...]
    recorded: bool = False
    """Whether what the checks are told is to be sent as evidence."""
    safeguards: tuple[Safeguard, ...] = ()
    """Filled in."""


class Kind(StrEnum):
    """What a message says."""

    READY = "ready"
    """The cluster answers and holds no probe."""
    BROKEN = "broken"
    """No check can be run; `message` says why."""
    BEGIN = "begin"
    """The check of `task` begins."""
    RESULT = "result"
    """`result` is a CheckResult."""
    EVIDENCE = "evidence"
    """`recording` is what the check of `task` was told, packed."""
    BASELINE = "baseline"
    """`value` is what was recorded."""
    END = "end"
    """Nothing follows."""


class Sender:
    """The worker's end."""

    def __init__(self, descriptor: int, key: str) -> None:
        self._descriptor = descriptor
        self._key = bytes.fromhex(key)
        self._number = 0
        self._process = os.getpid()

    def send(self, kind: Kind, **content: Any) -> None:
        """Send one message; a copy of the worker that a check forked ends here instead."""
        if os.getpid() != self._process:
            os._exit(1)
        body = json.dumps({**content, "kind": kind, "number": self._number}).encode()
        self._number += 1
        line = _seal(self._key, body) + b" " + body + b"\n"
        while line:
            line = line[os.write(self._descriptor, line) :]


class Receiver:
    """The runner's end: takes bytes as they come, gives messages."""

    def __init__(self, key: str) -> None:
        self._key = bytes.fromhex(key)
        self._number = 0
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Yield the messages that are complete now.

        Raises:
            Forged: something that the worker did not seal, or not in this order.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield self._open(line)
        if len(self._rest) > LINE_LIMIT:
            raise Forged("The check wrote into the place of the results")

    def _open(self, line: bytes) -> dict[str, Any]:
        seal, _, body = line.partition(b" ")
        if not hmac.compare_digest(seal, _seal(self._key, body)):
            raise Forged("The check wrote into the place of the results")
        message: dict[str, Any] = json.loads(body)
        if message.pop("number") != self._number:
            raise Forged("The check wrote into the place of the results")
        self._number += 1
        return message


def _seal(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).hexdigest().encode()
