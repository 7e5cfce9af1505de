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
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from clusters.errors import AssayError
from graders import probes
from graders.api import ApiServer
from graders.bundles.grading import pack_recording
from graders.bundles.recording import Recording
from graders.bundles.views import recorded_view
from graders.connections import connections_to
from graders.discovery import Discovery
from graders.errors import CredentialRefused
from graders.formative import landlock
from graders.kubeconfig import Access, Kubeconfig
from graders.messages import Kind, Order, Sender
from graders.view import ClusterView
from graders.workers.environment import environment_in
from graders.workers.host import HostLink
from graders.workers.workplace import Practice, Work, Workplace

_HIGHEST_DESCRIPTOR = 256


class Ends(NamedTuple):
    """The descriptors that a worker is born with."""

    order: int
    """Here comes first an Access, then the order; the end of it tells of the runner's death."""
    output: int
    messages: int
    host: int
    connection: int | None = None
    """A connection to the API server, where the runner got one."""


def do_order(ends: Ends, work: Work, practice: Practice | None = None) -> None:
    """Do the order that comes from the runner; connect to the cluster while it is awaited.

    Args:
        ends: where everything comes and goes.
        work: does it.
        practice: goes once through what `work` will do, where there is time for it. A process that
            was forked copies each page of its memory when it first uses it.
    """
    _take_over(ends)
    with suppress(OSError):  # a kernel without it: workers of one lab have its uid in common
        landlock.stand_alone()
    with open(0, "rb", closefd=False) as lines:
        if not (line := lines.readline()).endswith(b"\n"):
            return  # the runner was killed before it had said where the cluster is
        cluster = _Cluster(Access.model_validate_json(line), HostLink(ends.host, ends.connection))
        cluster.get_ready()
        if practice is not None and not _is_there(lines):
            cluster.show(practice)
        if not (line := lines.readline()).endswith(b"\n"):
            return  # nobody needs this worker any more
    order = Order.model_validate_json(line)
    threading.Thread(target=_die_with_the_runner, daemon=True).start()
    sender = Sender(ends.messages, order.key)
    try:
        workplace = cluster.workplace(order, sender)
        cluster.prepare(workplace)
        sender.send(Kind.READY)
        work(workplace)
        sender.send(Kind.END)
    except AssayError as error:
        sender.send(Kind.BROKEN, message=str(error))


class _Cluster:
    """The cluster of an order that may not have come yet."""

    def __init__(self, access: Access, host: HostLink) -> None:
        self._access = access
        self._host = host
        self._kubeconfig: Kubeconfig | None = None
        self._discovery = Discovery()
        self._uid = ""

    def get_ready(self) -> None:
        """Connect, and learn kinds and uid; what fails now is tried again for the order."""
        with suppress(AssayError):
            self._kubeconfig = self._access.open(self._host.dial)
            self._connections = connections_to(self._kubeconfig)
            api = ApiServer(self._kubeconfig, self._connections)
            self._discovery.refresh(api)
            self._discovery.text()
            self._uid = ClusterView(api, None, self._discovery).uid

    def show(self, practice: Practice) -> None:
        """Have somebody practise looking at the cluster; what goes wrong with it does no harm."""
        if self._kubeconfig is None or not self._uid:
            return
        recording = Recording()
        recorded = (recording, self._kubeconfig, self._connections, self._discovery, None)
        with suppress(Exception):
            practice(lambda: recorded_view(*recorded))
            pack_recording(recording, self._discovery)

    def prepare(self, workplace: Workplace) -> None:
        """Make sure that this is the cluster, and that nothing is left in it.

        Kinds and uid are those of a moment ago: a certificate authority is of one cluster only, and
        kinds that came meanwhile are looked for when a check asks for them. Who answers for a group
        is asked anew, while the first check is set up.

        Raises:
            GradingError: it is another cluster, or cannot be looked at.
        """
        order = workplace.order
        with workplace.api() as api:
            if order.sweep or not self._uid:
                self._discovery.refresh(api)
                self._uid = workplace.view(api).uid
            else:
                self._discovery.refresh_foreign_beside(api)
            if order.cluster_uid and self._uid != order.cluster_uid:
                raise CredentialRefused("This is not the cluster of the attempt but another one")
            if order.sweep:
                for name in probes.sweep(api, self._discovery):
                    print(f"removed {name}, which a killed grader left", file=sys.stderr)

    def workplace(self, order: Order, sender: Sender) -> Workplace:
        """Return what is needed for the order.

        Raises:
            GradingError: the cluster cannot be reached.
        """
        if self._kubeconfig is None or order.access != self._access:
            self._uid = ""
            self._kubeconfig = order.access.open(self._host.dial)
            self._connections = connections_to(self._kubeconfig)
        return Workplace(
            order=order,
            sender=sender,
            kubeconfig=self._kubeconfig,
            connections=self._connections,
            discovery=self._discovery,
            audit_log=self._host.open_log if order.audited else None,
        )


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


def _is_there(lines: BufferedReader) -> bool:
    """Whether something can be read; an order is not kept waiting."""
    os.set_blocking(lines.fileno(), False)
    try:
        return bool(lines.peek(1))
    finally:
        os.set_blocking(lines.fileno(), True)


def _take_over(ends: Ends) -> None:
    os.dup2(ends.order, 0)
    os.dup2(ends.output, 1)
    os.dup2(ends.output, 2)
    keep_only(end for end in (ends.messages, ends.host, ends.connection) if end is not None)
    faulthandler.enable(2)


def _die_with_the_runner() -> None:
    """Wait for the end of standard input, which the runner holds open as long as it lives."""
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)
