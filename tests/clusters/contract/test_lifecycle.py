"""Clusters come whole, survive, are repaired, and leave nothing, whoever is killed meanwhile."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from clusters.errors import ClusterError, NotFound
from clusters.provider import Cluster, ClusterState
from clusters.spec import ClusterSpec

pytestmark = pytest.mark.cluster

CREATE = """
import os, signal, sys
from clusters.inventory import Inventory
from clusters.provider import provider_named
from clusters.spec import ClusterSpec
provider, name, inventory, moment = sys.argv[1:]
def on_phase(phase):
    if phase.name == moment and phase.seconds is None:
        os.kill(os.getpid(), signal.SIGKILL)
spec = ClusterSpec(name, Inventory.model_validate_json(inventory), owner="attempt:1")
print("go", flush=True)
provider_named(provider).create(spec, on_phase)
"""
DELETE = """
import sys
from clusters.provider import provider_named
provider, name = sys.argv[1:]
print("go", flush=True)
provider_named(provider).delete(name)
"""
Address = Callable[[Cluster], tuple[str, int]]
IsFree = Callable[[tuple[str, int]], bool]


def begin(*arguments: str) -> subprocess.Popen[bytes]:
    """Start Python on a piece of code, and return when it is about to act."""
    process = subprocess.Popen([sys.executable, "-c", *arguments], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"go\n"
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    with process:
        process.kill()


# --- coming and going


def test_deleting_a_missing_cluster_is_silent(subject: Any) -> None:
    subject.provider.delete("never-was")

    assert "never-was" not in [cluster.name for cluster in subject.provider.list()]


def test_a_deleted_cluster_is_gone_with_its_port(
    subject: Any, name: str, address_of: Address, is_free: IsFree
) -> None:
    address = address_of(subject.provider.create(subject.spec(name)))
    assert not is_free(address)
    assert subject.traces(name)

    subject.provider.delete(name)
    subject.provider.delete(name)

    assert subject.traces(name) == []
    assert is_free(address)
    with pytest.raises(NotFound):
        subject.provider.status(name)


def test_two_made_at_once_do_not_know_each_other(
    subject: Any, address_of: Address, connect: Callable[[Path], httpx.Client]
) -> None:
    names = [subject.new_name() for _ in range(2)]
    try:
        with ThreadPoolExecutor() as pool:
            one, two = pool.map(lambda name: subject.provider.create(subject.spec(name)), names)

        assert one.uid != two.uid
        assert address_of(one) != address_of(two)
        with connect(one.kubeconfig) as client:
            host, port = address_of(two)
            client.base_url = httpx.URL(f"https://{host}:{port}")
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                client.get("/version")
    finally:
        for name in names:
            subject.provider.delete(name)


def test_two_creators_of_one_name_get_the_same_cluster(subject: Any, name: str) -> None:
    with ThreadPoolExecutor() as pool:
        one, two = pool.map(subject.provider.create, [subject.spec(name)] * 2)

    assert one.uid == two.uid
    assert {c.pid for c in one.components} == {c.pid for c in two.components}


def test_a_delete_during_a_create_leaves_nothing(subject: Any, name: str) -> None:
    begun = threading.Event()
    creating = threading.Thread(target=_create_anyhow, args=(subject, name, begun.set), daemon=True)
    creating.start()
    assert begun.wait(60)

    subject.provider.delete(name)
    creating.join(240)
    subject.provider.delete(name)  # whichever came last

    assert not creating.is_alive()
    assert subject.traces(name) == []


def _create_anyhow(subject: Any, name: str, told: Callable[[], None]) -> None:
    try:
        subject.provider.create(subject.spec(name), lambda phase: told())
    except ClusterError:
        told()


def test_a_frozen_cluster_answers_nobody_until_it_goes_on(
    subject: Any, made: Any, connect: Callable[[Path], httpx.Client]
) -> None:
    freezer, name = subject.provider.freezer, made.cluster.name
    if freezer is None:
        pytest.skip(f"{subject.provider.name} cannot freeze clusters")
    freezer.freeze(name)
    freezer.freeze(name)
    try:
        assert subject.provider.status(name).frozen
        with connect(made.cluster.kubeconfig) as client, pytest.raises(httpx.TimeoutException):
            client.get("/version", timeout=2.0)
    finally:
        freezer.thaw(name)

    assert not subject.provider.status(name).frozen
    with connect(made.cluster.kubeconfig) as client:
        assert client.get("/version").is_success
    with pytest.raises(NotFound, match="never-was"):
        freezer.freeze("never-was")


# --- the creator or the deleter dies


@pytest.mark.parametrize("part", [0.0, 0.35, 0.7, 1.0])
def test_a_creation_killed_on_its_way_is_listed_and_deleted(
    subject: Any, made: Any, name: str, part: float
) -> None:
    moments = [phase.name for phase in made.phases if phase.seconds is None]
    moment = moments[round(part * (len(moments) - 1))]
    with begin(CREATE, subject.provider.name, name, _inventory(subject), moment) as creating:
        assert creating.wait(240) == -signal.SIGKILL

    found = {cluster.name: cluster for cluster in subject.provider.list()}
    assert found[name].state is ClusterState.INCOMPLETE
    assert found[name].owner == "attempt:1"
    subject.provider.delete(name)

    assert subject.traces(name) == []


def test_a_creation_killed_half_way_is_finished_by_the_next(
    subject: Any, made: Any, name: str
) -> None:
    moments = [phase.name for phase in made.phases if phase.seconds is None]
    moment = moments[len(moments) // 2]
    with begin(CREATE, subject.provider.name, name, _inventory(subject), moment) as creating:
        assert creating.wait(240) == -signal.SIGKILL

    finished = subject.provider.create(subject.spec(name, owner="attempt:1"))

    assert finished.state is ClusterState.READY
    assert len(finished.components) == len(made.cluster.components)


@pytest.mark.parametrize("seed", range(3))
def test_a_creation_killed_at_any_moment_leaves_nothing_that_delete_does_not_find(
    subject: Any, made: Any, name: str, seed: int
) -> None:
    whole = sum(phase.seconds or 0 for phase in made.phases)
    creating = begin(CREATE, subject.provider.name, name, _inventory(subject), "never")
    time.sleep(random.Random(seed).uniform(0, whole))
    kill(creating)

    shown = {cluster.name for cluster in subject.provider.list()}
    assert name in shown or subject.traces(name) == []
    subject.provider.delete(name)

    assert subject.traces(name) == []


def test_a_killed_deletion_is_seen_and_finished(subject: Any, name: str) -> None:
    """Killed again and again, each time a little later, until one gets through."""
    subject.provider.create(subject.spec(name))

    for milliseconds in (0, 5, 20, 80, 300):
        deleting = begin(DELETE, subject.provider.name, name)
        time.sleep(milliseconds / 1000)
        kill(deleting)
        left = [cluster for cluster in subject.provider.list() if cluster.name == name]
        assert left or subject.traces(name) == [], "something is left that nobody lists"
    subject.provider.delete(name)

    assert subject.traces(name) == []


# --- a component dies, a port is taken, the disk is full


def test_a_dead_component_is_seen_and_repaired_with_the_same_data(
    subject: Any, name: str, connect: Callable[[Path], httpx.Client]
) -> None:
    spec = subject.spec(name)
    made = subject.provider.create(spec)
    configmaps = "/api/v1/namespaces/default/configmaps"
    with connect(made.kubeconfig) as client:
        kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}}
        client.post(configmaps, json=kept).raise_for_status()

    victim = made.components[0]
    _kill_and_wait(victim.pid)
    assert subject.provider.status(name).state is ClusterState.DEGRADED
    repaired = subject.provider.create(spec)

    assert repaired.state is ClusterState.READY
    assert repaired.uid == made.uid
    with connect(repaired.kubeconfig) as client:
        assert client.get(f"{configmaps}/kept").is_success


def test_a_port_taken_meanwhile_is_one_sentence_and_loses_nothing(
    subject: Any, name: str, address_of: Address, is_free: IsFree
) -> None:
    spec = subject.spec(name)
    made = subject.provider.create(spec)
    address = address_of(made)
    for component in made.components:
        _kill_and_wait(component.pid)
    deadline = time.monotonic() + 60
    while not is_free(address):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(address)
        thief.listen()
        with pytest.raises(ClusterError, match=f"port {address[1]}") as refusal:
            subject.provider.create(spec)
    assert "\n" not in str(refusal.value)
    assert subject.provider.status(name).state is ClusterState.DEGRADED

    assert subject.provider.create(spec).uid == made.uid


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    subject: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this host does not let root mount a small disk")
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    try:
        with pytest.raises(ClusterError, match=r"full: .* free some space"):
            subject.provider.create(ClusterSpec("no-room", subject.inventory))
        assert [path for path in tmp_path.rglob("*no-room*") if path.is_dir()] == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert subject.traces("no-room") == []


def _inventory(subject: Any) -> str:
    return str(subject.inventory.model_dump_json(by_alias=True))


def _kill_and_wait(pid: int | None) -> None:
    assert pid is not None
    try:
        process = psutil.Process(pid)
        process.kill()
        process.wait(30)
    except psutil.NoSuchProcess:
        return
