"""Timer slack: what is started under it may be woken late, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from clusters.provider import Cluster
from clusters.providers.embedded import components
from clusters.providers.embedded.timer_slack import timer_slack

ASK = "import ctypes; print(ctypes.CDLL(None).prctl(30, 0, 0, 0, 0))"
"""PR_GET_TIMERSLACK, nanoseconds."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has timer slack")


def slack_of_a_child() -> int:
    command = ["/bin/sh", "-c", '"$@" & wait', "sh", sys.executable, "-c", ASK]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


def test_what_is_started_has_it_and_what_comes_later_has_not() -> None:
    before = slack_of_a_child()

    with timer_slack(0.05):
        assert slack_of_a_child() == 50_000_000
    assert slack_of_a_child() == before
    with timer_slack(0):
        assert slack_of_a_child() == before


def test_only_what_is_ours_may_be_woken_late() -> None:
    ours = [
        components.etcd(),
        components.api_server(20001),
        components.controller_manager(),
        components.scheduler(),
        components.kwok(),
    ]

    assert all(command.slack == 0.05 for command in ours)
    assert components.door(3, 20001).slack == 0


@pytest.mark.cluster
def test_the_processes_of_a_cluster_have_it(cluster: Cluster) -> None:
    pids = {one.name: one.pid for one in cluster.components if one.name in components.COMPONENTS}
    try:
        found = {name: Path(f"/proc/{pid}/timerslack_ns").read_text() for name, pid in pids.items()}
    except PermissionError:
        pytest.skip("only root may read the timer slack of another process")

    assert {name: int(slack) for name, slack in found.items()} == dict.fromkeys(
        components.COMPONENTS, 50_000_000
    )
