"""Views for checks: of a cluster while everything is recorded, and of a recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def recorded_view(
    recording: Recording,
    kubeconfig: Kubeconfig,
    connections: urllib3.PoolManager,
    discovery: Discovery,
    audit_log: OpenLog | None,
) -> Iterator[ClusterView]:
    """Show a cluster to a check, by the time of the recording, and note everything."""
    api = RecordedApiServer(recording, kubeconfig, connections)
    log = None if audit_log is None else RecordedLog(AuditLog(audit_log), recording)
    not_noted = ApiServer(kubeconfig, connections)
    kinds = RecordedDiscovery(discovery, not_noted, recording)
    with clock.keeping_time(recording):
        yield ClusterView(api, log, kinds, recording)


@contextmanager
def replayed_view(replay: Replay, *, audited: bool = True) -> Iterator[ClusterView]:
    """Show a recording to a check as if it were the cluster, by the recorded time."""
    log = ReplayedLog(replay) if audited else None
    with clock.keeping_time(replay):
        yield ClusterView(ReplayedApiServer(replay), log, ReplayedDiscovery(replay), replay)
