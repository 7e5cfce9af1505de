"""kill -9 of the command that creates or deletes a cluster, at any moment."""

from __future__ import annotations

import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters.inventory import parse_inventory
from clusters.provider import ClusterState
from clusters.providers.embedded import EmbeddedProvider, processes
from clusters.spec import ClusterSpec

pytestmark = pytest.mark.cluster

SMALL = parse_inventory({"nodes": [{"name": "only"}]}, "small")
CREATE = """
import os, signal, sys
from pathlib import Path
from clusters.inventory import parse_inventory
from clusters.providers.embedded import EmbeddedProvider
from clusters.spec import ClusterSpec
root, name, moment = sys.argv[1:]
def on_phase(phase):
    if phase.name == moment and phase.seconds is None:
        os.kill(os.getpid(), signal.SIGKILL)
spec = ClusterSpec(name, parse_inventory({"nodes": [{"name": "only"}]}, "small"), owner="attempt:1")
print("go", flush=True)
EmbeddedProvider(Path(root)).create(spec, on_phase)
"""
DELETE = """
import os, signal, sys
from pathlib import Path
from clusters.providers.embedded import EmbeddedProvider, processes
from clusters.providers.embedded.folder import ClusterFolder
root, name, moment = sys.argv[1:]
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
if moment == "before the processes":
    processes.stop_cluster = die
if moment == "before the files":
    ClusterFolder.remove = die
if moment == "before the folder":
    Path.rmdir = die
EmbeddedProvider(Path(root)).delete(name)
"""


@pytest.fixture
def root(assay_home: Path) -> Path:
    return assay_home / "clusters"


@pytest.fixture
def name(provider: EmbeddedProvider) -> Iterator[str]:
    name = f"kill-{secrets.token_hex(3)}"
    yield name
    provider.delete(name)


def run(code: str, root: Path, name: str, moment: str) -> int:
    return subprocess.run(
        [sys.executable, "-c", code, str(root), name, moment],
        stdout=subprocess.DEVNULL,
        timeout=120,
        check=False,
    ).returncode


@pytest.mark.parametrize("moment", ["etcd", "api-server", "accelerators", "nodes"])
def test_a_killed_creation_is_seen_and_deleted(
    provider: EmbeddedProvider, root: Path, name: str, moment: str
) -> None:
    assert run(CREATE, root, name, moment) == -signal.SIGKILL

    found = provider.status(name)
    assert found.state is ClusterState.INCOMPLETE
    assert found.owner == "attempt:1"
    provider.delete(name)

    assert processes.find_cluster(root / name) == {}
    assert not (root / name).exists()


@pytest.mark.parametrize("moment", ["credentials", "controllers"])
def test_a_killed_creation_is_finished_by_the_next(
    provider: EmbeddedProvider, root: Path, name: str, moment: str
) -> None:
    assert run(CREATE, root, name, moment) == -signal.SIGKILL

    made = provider.create(ClusterSpec(name, SMALL, owner="attempt:1"))

    assert made.state is ClusterState.READY
    running = processes.find_cluster(root / name)
    assert {component: len(group) for component, group in running.items()} == dict.fromkeys(
        (c.name for c in made.components), 1
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_creation_killed_at_a_random_moment_leaves_nothing_that_delete_does_not_find(
    provider: EmbeddedProvider, root: Path, name: str, seed: int
) -> None:
    moment = random.Random(seed).uniform(0, 3)
    with subprocess.Popen(
        [sys.executable, "-c", CREATE, str(root), name, "never"], stdout=subprocess.PIPE
    ) as creating:
        assert creating.stdout is not None
        assert creating.stdout.readline() == b"go\n"
        time.sleep(moment)
        creating.kill()
    before = set(processes.find_clusters(root))

    seen = {cluster.name: cluster.state for cluster in provider.list()}
    assert before <= set(seen)
    provider.delete(name)

    assert processes.find_cluster(root / name) == {}
    assert not (root / name).exists()
    assert name not in {cluster.name for cluster in provider.list()}


@pytest.mark.parametrize(
    "moment", ["before the processes", "before the files", "before the folder"]
)
def test_a_killed_deletion_is_seen_and_finished(
    provider: EmbeddedProvider, root: Path, name: str, moment: str
) -> None:
    provider.create(ClusterSpec(name, SMALL))

    assert run(DELETE, root, name, moment) == -signal.SIGKILL

    assert provider.status(name).state is ClusterState.INCOMPLETE
    provider.delete(name)
    assert processes.find_cluster(root / name) == {}
    assert not (root / name).exists()
