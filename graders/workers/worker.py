"""Worker: does one order and ends. Forked by a zygote, so everything it needs is loaded.

It looks whether the cluster is the one that is meant, removes probes that a killed grader left,
and does what the order is for. When its runner is gone, it kills itself with whatever its checks
started.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from clusters.errors import AssayError
from graders import probes
from graders.connections import connections_to
from graders.discovery import Discovery
from graders.errors import CredentialRefused
from graders.messages import Kind, Order, Sender
from graders.workers.environment import environment_in
from graders.workers.host import HostLink
from graders.workers.workplace import Work, Workplace

_HIGHEST_DESCRIPTOR = 256


class Ends(NamedTuple):
    """The descriptors that a worker is born with."""

    order: int
    """Its order is read from here; the end of it tells of the runner's death."""
    output: int
    messages: int
    host: int


def do_order(ends: Ends, work: Work) -> None:
    """Do the order that comes from the runner."""
    order = _receive_order(ends)
    if order is None:  # the runner was killed before it had said what to do
        return
    sender = Sender(ends.messages, order.key)
    try:
        workplace = _workplace(order, sender, HostLink(ends.host))
        _prepare(workplace)
        sender.send(Kind.READY)
        work(workplace)
        sender.send(Kind.END)
    except AssayError as error:
        sender.send(Kind.BROKEN, message=str(error))


def set_up_process(folder: Path | str) -> None:
    """Give this process a folder to be in and an environment without anything of the platform's."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment_in(folder))
    tempfile.tempdir = None


def keep_only(descriptors: Iterable[int]) -> None:
    """Close every descriptor but the standard ones and these."""
    kept = sorted({0, 1, 2, *descriptors})
    for before, after in zip(kept, [*kept[1:], _HIGHEST_DESCRIPTOR], strict=True):
        os.closerange(before + 1, after)


def _receive_order(ends: Ends) -> Order | None:
    os.dup2(ends.order, 0)
    os.dup2(ends.output, 1)
    os.dup2(ends.output, 2)
    keep_only((ends.messages, ends.host))
    faulthandler.enable(2)
    with open(0, "rb", closefd=False) as standard_input:
        line = standard_input.readline()
    if not line.endswith(b"\n"):
        return None
    order = Order.model_validate_json(line)
    threading.Thread(target=_die_with_the_runner, daemon=True).start()
    return order


def _workplace(order: Order, sender: Sender, host: HostLink) -> Workplace:
    kubeconfig = order.access.open(host.dial)
    return Workplace(
        order=order,
        sender=sender,
        kubeconfig=kubeconfig,
        connections=connections_to(kubeconfig),
        discovery=Discovery(),
        audit_log=host.open_log if order.audited else None,
    )


def _prepare(workplace: Workplace) -> None:
    order = workplace.order
    with workplace.api() as api:
        uid = workplace.view(api).uid
        if order.cluster_uid and uid != order.cluster_uid:
            raise CredentialRefused("This is not the cluster of the attempt but another one")
        if order.sweep:
            for name in probes.sweep(api, workplace.discovery):
                print(f"removed {name}, which a killed grader left", file=sys.stderr)


def _die_with_the_runner() -> None:
    """Wait for the end of standard input, which the runner holds open as long as it lives."""
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)
