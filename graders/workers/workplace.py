"""Workplace: what a worker has to do its order with."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import urllib3

from graders.api import ApiServer
from graders.audit import OpenLog
from graders.bundles.grading import pack_recording
from graders.bundles.recording import Recording
from graders.bundles.views import recorded_view
from graders.discovery import Discovery
from graders.kubeconfig import Kubeconfig
from graders.messages import Kind, Order, Sender
from graders.view import ClusterView


@dataclass(frozen=True)
class Workplace:
    """What a worker works with."""

    order: Order
    sender: Sender
    kubeconfig: Kubeconfig
    connections: urllib3.PoolManager
    """To the API server, used by all of its checks one after the other."""
    discovery: Discovery
    audit_log: OpenLog | None
    recordings: list[Recording] = field(default_factory=list)
    """Of checks that have begun, and were not sent yet."""

    def api(self) -> ApiServer:
        """Return the API server of the order's cluster."""
        return ApiServer(self.kubeconfig, self.connections)

    def view(self, api: ApiServer) -> ClusterView:
        """Return the order's cluster, unrecorded."""
        return ClusterView(api, self.audit_log, self.discovery)

    @contextmanager
    def look(self) -> Iterator[ClusterView]:
        """Show the order's cluster to a check, recorded where that is ordered."""
        if not self.order.recorded:
            with self.api() as api:
                yield self.view(api)
            return
        recording = Recording()
        self.recordings.append(recording)
        with recorded_view(
            recording, self.kubeconfig, self.connections, self.discovery, self.audit_log
        ) as view:
            yield view

    def send_recording(self, task: str) -> None:
        """Send what the check of a task was told; what goes wrong with it changes no verdict."""
        while self.recordings:
            try:
                packed = pack_recording(self.recordings.pop(), self.discovery)
            except Exception:
                traceback.print_exc()
            else:
                self.sender.send(Kind.EVIDENCE, task=task, recording=packed)


Work = Callable[[Workplace], None]
Look = Callable[[], AbstractContextManager[ClusterView]]
"""Shows a cluster to a check."""
Practice = Callable[[Look], None]
