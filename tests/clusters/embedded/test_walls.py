"""The walls around a cluster: a network of its own, and one door."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from clusters.inventory import parse_inventory
from clusters.provider import Cluster, ClusterState
from clusters.providers.embedded import EmbeddedProvider, namespaces
from clusters.providers.embedded import provider as provider_module
from clusters.providers.embedded.namespaces import making, walls_of, why_no_walls
from clusters.spec import ClusterSpec

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(bool(why_no_walls()), reason=f"no network namespaces: {why_no_walls()}"),
]
SMALL = parse_inventory({"nodes": [{"name": "only"}]}, "test")
Connect = Callable[[Path], object]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedProvider:
    return EmbeddedProvider(tmp_path_factory.mktemp("clusters"))


@pytest.fixture(scope="module")
def cluster(provider: EmbeddedProvider) -> Iterator[Cluster]:
    yield provider.create(ClusterSpec("walled", SMALL))
    provider.delete("walled")


def pid_of(cluster: Cluster, name: str) -> int:
    return next(c.pid for c in cluster.components if c.name == name and c.pid)


def network_of(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def run_inside(cluster: Cluster, *command: str) -> subprocess.CompletedProcess[str]:
    with walls_of([psutil.Process(pid_of(cluster, "door"))]) as walls:
        assert walls is not None
        return subprocess.run(
            [*walls.entering, *command],
            pass_fds=walls.descriptors,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


def dial_from_inside(cluster: Cluster, port: int) -> bool:
    code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
    return run_inside(cluster, "python3", "-I", "-c", code).returncode == 0


def test_from_inside_only_the_cluster_itself_can_be_reached(cluster: Cluster) -> None:
    own_port = int(psutil.Process(pid_of(cluster, "door")).cmdline()[-1])
    with socket.create_server(("127.0.0.1", 0)) as service:
        assert dial_from_inside(cluster, own_port)
        assert not dial_from_inside(cluster, service.getsockname()[1])

    interfaces = run_inside(cluster, "cat", "/proc/net/dev").stdout.splitlines()[2:]
    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]


def test_two_clusters_do_not_see_each_other(provider: EmbeddedProvider, cluster: Cluster) -> None:
    other = provider.create(ClusterSpec("neighbour", SMALL))
    try:
        port = int(psutil.Process(pid_of(other, "door")).cmdline()[-1])

        assert network_of(pid_of(other, "etcd")) != network_of(pid_of(cluster, "etcd"))
        assert not dial_from_inside(cluster, port)
    finally:
        provider.delete("neighbour")


def test_a_door_that_was_killed_is_opened_again_into_the_same_walls(
    provider: EmbeddedProvider, cluster: Cluster
) -> None:
    before = network_of(pid_of(cluster, "kube-apiserver"))
    os.kill(pid_of(cluster, "door"), signal.SIGKILL)
    assert provider.status("walled").state is ClusterState.DEGRADED

    mended = provider.create(ClusterSpec("walled", SMALL))

    assert mended.state is ClusterState.READY
    assert network_of(pid_of(mended, "door")) == before
    assert pid_of(mended, "kube-apiserver") == pid_of(cluster, "kube-apiserver")
    assert dial_from_inside(mended, int(psutil.Process(pid_of(mended, "door")).cmdline()[-1]))


def test_where_the_host_forbids_namespaces_clusters_listen_on_loopback_as_before(
    provider: EmbeddedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_module, "why_no_walls", lambda: "refused")
    made = provider.create(ClusterSpec("unwalled", SMALL))
    try:
        assert made.state is ClusterState.READY
        assert "door" not in {component.name for component in made.components}
        assert network_of(pid_of(made, "kube-apiserver")) == network_of(os.getpid())
    finally:
        provider.delete("unwalled")


def test_a_host_without_the_program_for_it_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    namespaces.why_no_walls.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        assert "util-linux" in why_no_walls()
    finally:
        namespaces.why_no_walls.cache_clear()


def test_whoever_is_not_root_makes_a_user_namespace_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert "--user" in making()
