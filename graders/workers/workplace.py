"""Workplace: what a worker has to do its order with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import urllib3

from graders.api import ApiServer
from graders.audit import OpenLog
from graders.discovery import Discovery
from graders.kubeconfig import Kubeconfig
from graders.messages import Order, Sender
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

    def api(self) -> ApiServer:
        """Return the API server of the order's cluster."""
        return ApiServer(self.kubeconfig, self.connections)

    def view(self, api: ApiServer) -> ClusterView:
        """Return the order's cluster as a check sees it."""
        return ClusterView(api, self.audit_log, self.discovery)


Work = Callable[[Workplace], None]
