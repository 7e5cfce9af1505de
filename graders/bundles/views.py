"""Views for checks: of a cluster while everything is recorded, and of a recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import urllib3

from graders import clock
from graders.api import ApiServer
from graders.audit import AuditLog, OpenLog
from graders.bundles.recording import (
    RecordedApiServer,
    RecordedDiscovery,
    RecordedLog,
    Recording,
)
from graders.bundles.replay import Replay, ReplayedApiServer, ReplayedDiscovery, ReplayedLog
from graders.discovery import Discovery
from graders.kubeconfig import Kubeconfig
from graders.view import ClusterView


class Surroundings(NamedTuple):
    """The cluster of a check, and how to reach it."""

    kubeconfig: Kubeconfig
    connections: urllib3.PoolManager
    discovery: Discovery
    audit_log: OpenLog | None

    def api(self) -> ApiServer:
        """Return the API server; what it says is not recorded."""
        return ApiServer(self.kubeconfig, self.connections)

    @contextmanager
    def recorded_view(self, recording: Recording) -> Iterator[ClusterView]:
        """Show the cluster to a check, by the time of the recording, and note everything."""
        api = RecordedApiServer(recording, self.kubeconfig, self.connections)
        log = None if self.audit_log is None else RecordedLog(AuditLog(self.audit_log), recording)
        discovery = RecordedDiscovery(self.discovery, self.api(), recording)
        with clock.keeping_time(recording):
            yield ClusterView(api, log, discovery, recording)


@contextmanager
def replayed_view(replay: Replay, *, audited: bool = True) -> Iterator[ClusterView]:
    """Show a recording to a check as if it were the cluster, by the recorded time."""
    log = ReplayedLog(replay) if audited else None
    with clock.keeping_time(replay):
        yield ClusterView(ReplayedApiServer(replay), log, ReplayedDiscovery(replay), replay)
