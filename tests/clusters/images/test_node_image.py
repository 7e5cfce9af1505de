"""The node image itself: the same to the last bit, and a node that starts."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clusters.binaries.lock import installed_locks
from clusters.images.docker import docker_lacks, id_in_docker
from clusters.images.node import build_node_image, ensure_node_image, node_image_name
from clusters.images.store import Image, ImageStore

pytestmark = pytest.mark.kind


@pytest.fixture(scope="module")
def image() -> Image:
    found = ImageStore().find(node_image_name())
    if found is None:
        pytest.skip("the node image is not in the cache: run `assay images build`")
    return found


@pytest.mark.timeout(600)
def test_two_builds_give_the_same_image_to_the_last_bit(image: Image, tmp_path: Path) -> None:
    packages = tmp_path / "images" / "debian"
    packages.mkdir(parents=True)
    for file in (ImageStore().folder / "debian").glob("*.deb"):
        (packages / file.name).symlink_to(file)

    again = build_node_image(store=ImageStore(tmp_path / "images"))

    assert again == image


def test_two_versions_of_kubernetes_share_what_they_have_in_common() -> None:
    found = [ImageStore().find(node_image_name(lock.kubernetes)) for lock in installed_locks()]
    if not all(found):
        pytest.skip("needs both: `assay images build`, `assay images build --kubernetes 1.36`")
    first, second = (image.layers for image in found if image)

    assert first[:2] == second[:2]
    assert first[2] != second[2]


@pytest.fixture(scope="module")
def node(image: Image) -> Iterator[str]:
    """Start a node that belongs to no cluster."""
    if reason := docker_lacks():
        pytest.skip(reason)
    name = f"assay-test-node-{os.getpid()}"
    volumes = [
        "--tmpfs=/tmp",
        "--tmpfs=/run",
        "--volume=/var",
        "--volume=/lib/modules:/lib/modules:ro",
    ]
    run = [
        "docker",
        "run",
        "--detach",
        "--privileged",
        "--name",
        name,
        "--hostname",
        name,
        *volumes,
    ]
    subprocess.run([*run, ensure_node_image()], check=True, capture_output=True)
    yield name
    subprocess.run(["docker", "rm", "--force", "--volumes", name], check=True, capture_output=True)


def inside(node: str, *command: str) -> str:
    done = subprocess.run(
        ["docker", "exec", node, *command], capture_output=True, text=True, check=False
    )
    return done.stdout


def eventually(says: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not says():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def test_docker_has_the_very_image_that_was_built(image: Image, node: str) -> None:
    assert id_in_docker(image.reference) == image.digest


def test_a_node_starts_every_service_and_none_fails(node: str) -> None:
    running = ("containerd", "dbus", "node-cni", "node-images")
    asked = ("systemctl", "is-active", *running)

    assert eventually(lambda: inside(node, *asked).split() == ["active"] * len(running))
    assert "Reached target multi-user.target" in subprocess.run(
        ["docker", "logs", node], capture_output=True, text=True, check=True
    ).stdout or eventually(
        lambda: inside(node, "systemctl", "is-active", "multi-user.target") == "active\n"
    )
    assert "0 loaded units listed" in inside(node, "systemctl", "--failed", "--no-pager")


def test_a_node_brings_every_image_that_kubeadm_asks_for(node: str) -> None:
    listing = ("ctr", "--namespace=k8s.io", "images", "check")
    assert eventually(lambda: "busybox" in inside(node, *listing))
    wanted = inside(node, "kubeadm", "config", "images", "list", "--kubernetes-version", "v1.37.2")

    complete = {
        line.split()[0] for line in inside(node, *listing).splitlines() if " complete " in line
    }

    ours = {"docker.io/assay/pause:1", "docker.io/assay/busybox:1"}
    assert {line for line in wanted.split() if "/pause:" not in line} | ours <= complete


def test_the_network_programs_of_a_node_run(node: str) -> None:
    assert "nf_tables" in inside(node, "iptables", "--version")
    assert "seccomp" in inside(node, "runc", "--version")
    assert inside(node, "getent", "passwd", "messagebus").startswith("messagebus:x:101:")
    assert "NODE-CNI" in inside(node, "iptables-save", "-t", "nat")
