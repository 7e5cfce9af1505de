"""Admission by measured memory: nothing is started that the machine could not hold when grown."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from clusters.broker.control_group import allowances
from clusters.broker.memory import Memory, memory_now
from clusters.broker.room import GROWTH, CapacityExhausted, limit_of, need_of, require_room
from clusters.capability import Capability
from clusters.provider import Cluster, ClusterState, Component

MIB = 1 << 20
NOWHERE = Path("/nowhere")


class FakeMachine:
    """A machine with so much memory, on which clusters grow while they are made and afterwards."""

    def __init__(self, total: int, others: int, dice: random.Random) -> None:
        self.total = total
        self._others = others
        self._dice = dice
        self.clusters: dict[str, tuple[int, bool]] = {}
        """Bytes of each, and whether it is finished."""

    def memory(self) -> Memory:
        used = self._others + sum(size for size, _ in self.clusters.values())
        return Memory(self.total, self.total - used)

    def list(self) -> list[Cluster]:
        return [self._cluster(name, size, done) for name, (size, done) in self.clusters.items()]

    def begin(self) -> None:
        self.clusters[f"c{len(self.clusters)}"] = (20 * MIB, False)

    def grow(self) -> None:
        """Let clusters that are made become finished, and those that are used grow."""
        for name, (size, done) in self.clusters.items():
            if done:
                self.clusters[name] = (min(int(size * 1.02), int(300 * MIB * GROWTH)), True)
            elif self._dice.random() < 0.3:
                self.clusters[name] = (self._dice.randrange(230, 300) * MIB, True)

    def _cluster(self, name: str, size: int, done: bool) -> Cluster:
        return Cluster(
            name=name,
            provider="fake",
            state=ClusterState.READY if done else ClusterState.INCOMPLETE,
            kubernetes="",
            capabilities=frozenset({Capability.SCHEDULING}),
            kubeconfig=NOWHERE,
            grader_kubeconfig=NOWHERE,
            platform_kubeconfig=NOWHERE,
            audit_log=NOWHERE,
            components=(Component("all", 1, memory=size),),
        )


@pytest.mark.parametrize("seed", range(20))
def test_whoever_comes_in_whatever_order_the_memory_is_never_exhausted(seed: int) -> None:
    dice = random.Random(seed)
    machine = FakeMachine(dice.randrange(4, 64) << 30, dice.randrange(1, 3) << 30, dice)
    refused = 0
    for _ in range(2000):
        if dice.random() < 0.5:
            found = machine.list()
            grown = [c.components[0].memory for c in found if c.state is ClusterState.READY]
            try:
                require_room(len(found), limit_of(found, need_of(grown[:3]), machine.memory()))
                machine.begin()
            except CapacityExhausted:
                refused += 1
        machine.grow()
        assert machine.memory().available > 0

    assert refused
    assert len(machine.clusters) >= 0.4 * machine.total / (300 * MIB * GROWTH), "nor is it idle"


GROUPS = {
    "version 2": ("0::/a/b", "", "memory.max", "memory.current"),
    "version 1": ("4:cpu:/\n3:memory:/a/b\n0::/", "memory", "memory.limit_in_bytes",
                  "memory.usage_in_bytes"),
}  # fmt: skip


@pytest.mark.parametrize("version", GROUPS)
def test_the_limits_of_control_groups_count_wherever_they_stand(
    tmp_path: Path, version: str
) -> None:
    own, place, limit, used = GROUPS[version]
    (tmp_path / "own").write_text(own)
    for path, most in (("a", str(2 << 30)), ("a/b", "max")):
        folder = tmp_path / place / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / limit).write_text(most)
        (folder / used).write_text(str(1 << 30))
        (folder / "memory.stat").write_text(f"anon 1\ninactive_file {100 * MIB}\n")

    (found,) = allowances(tmp_path / "own", tmp_path)

    assert (found.limit, found.left) == (2 << 30, (1 << 30) + 100 * MIB)


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert allowances(tmp_path / "own", tmp_path) == []
    assert memory_now().total <= psutil.virtual_memory().total


LIMIT = 800 * MIB
PROGRAM = """
import os, sys
from datetime import UTC, datetime, timedelta
open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
from clusters.broker import Broker, CapacityExhausted
from clusters.database import connect
from clusters.inventory import default_inventory
from clusters.provider import provider_named
from clusters.spec import ClusterSpec
broker = Broker(connect("sqlite:///" + sys.argv[2]), provider_named("embedded"), list)
until = datetime.now(UTC) + timedelta(hours=1)
for number in range(20):
    name = f"admitted-{number}"
    try:
        broker.lease(ClusterSpec(name, default_inventory(), owner=name), until)
    except CapacityExhausted as error:
        print(number, error)
        break
"""


@pytest.fixture
def control_group() -> Iterator[Path]:
    """A control group with little memory, for processes that are put into it."""
    v2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    root = Path("/sys/fs/cgroup") if v2 else Path("/sys/fs/cgroup/memory")
    group = root / f"assay-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / ("memory.max" if v2 else "memory.limit_in_bytes")).write_text(str(LIMIT))
    except OSError as error:
        with suppress(OSError):
            group.rmdir()
        pytest.skip(f"needs a memory control group that may be made: {error.strerror}")
    yield group
    for pid in (group / "cgroup.procs").read_text().split():
        (root / "cgroup.procs").write_text(pid)
    group.rmdir()


def killed_in(group: Path) -> int:
    """Return how many processes of a control group the kernel killed for memory."""
    files = (group / name for name in ("memory.events", "memory.oom_control"))
    (said,) = [file.read_text() for file in files if file.exists()]
    found = re.search(r"^oom_kill (\d+)$", said, re.MULTILINE)
    return int(found[1]) if found else 0


@pytest.mark.cluster
def test_a_real_machine_takes_clusters_until_it_is_full_and_nothing_is_killed(
    control_group: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clusters.providers.embedded import EmbeddedProvider

    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ASSAY_MAX_CLUSTERS", raising=False)
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(control_group), str(tmp_path / "broker.db")],
            capture_output=True,
            text=True,
            timeout=600,
        )
        clusters = EmbeddedProvider().list()
    finally:
        for cluster in EmbeddedProvider().list():
            EmbeddedProvider().delete(cluster.name)

    assert done.returncode == 0, done.stderr
    number, _, sentence = done.stdout.partition(" ")
    assert 1 <= int(number) < 5, "as many as fit"
    assert killed_in(control_group) == 0
    assert "clusters that this installation can run are in use" in sentence
    assert [cluster.state for cluster in clusters] == [ClusterState.READY] * int(number)
