"""The contract of clusters: what every provider keeps, asked of each one through its interface.

Nothing here knows how a provider works. What a cluster leaves behind is looked for where any of
them could leave it: processes, ports, folders, mounts, containers, volumes, networks.
"""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
import yaml

from clusters.inventory import Inventory, parse_inventory
from clusters.phases import Phase
from clusters.provider import Cluster, ClusterProvider, provider_named
from clusters.spec import ClusterSpec

DEVICES = {"model": "H100", "count": 4, "memory": "80Gi", "driverVersion": "1.0.0"}
INVENTORY = parse_inventory({"nodes": [{"name": "only", "devices": [DEVICES]}]}, "contract")


@dataclass
class Subject:
    """One provider under test, and what was made with it."""

    provider: ClusterProvider
    home: Path
    inventory: Inventory = INVENTORY
    names: list[str] = field(default_factory=list)

    def new_name(self) -> str:
        """Return a name that nobody has; what is made under it is deleted at the end."""
        name = f"c{time.time_ns() % 10**9:09d}"
        self.names.append(name)
        return name

    def spec(self, name: str, owner: str = "") -> ClusterSpec:
        """Return what the tests have made: one node with four devices."""
        return ClusterSpec(name, self.inventory, owner)

    def traces(self, name: str) -> list[str]:
        """Return what the host shows of a cluster."""
        return [
            *_processes_about(name),
            *(str(path) for path in self.home.rglob(f"*{name}*")),
            *(line for line in Path("/proc/mounts").read_text().splitlines() if name in line),
            *_docker_things(name),
        ]


@pytest.fixture(
    scope="package",
    params=["embedded", pytest.param("kind", marks=pytest.mark.kind)],
)
def subject(request: pytest.FixtureRequest, assay_home: Path) -> Iterator[Subject]:
    """Each provider in turn; one that this host cannot run is skipped with its own reason.

    Its clusters end with the contract: tests that come later count all clusters there are.
    """
    provider = provider_named(request.param)
    if problems := provider.preflight():
        pytest.skip(f"{request.param}: {'; '.join(problems)}")
    subject = Subject(provider, assay_home)
    yield subject
    for name in subject.names:
        provider.delete(name)


@dataclass(frozen=True)
class Made:
    """A cluster that several tests share, and what was told while it was made."""

    cluster: Cluster
    phases: list[Phase]


@pytest.fixture(scope="package")
def made(subject: Subject) -> Made:
    """A cluster that tests may look at and put objects into."""
    phases: list[Phase] = []
    spec = subject.spec(subject.new_name(), owner="attempt:contract")
    return Made(subject.provider.create(spec, phases.append), phases)


@pytest.fixture
def name(subject: Subject) -> Iterator[str]:
    """A name for the cluster of one test; nothing of it may be left by the test."""
    name = subject.new_name()
    yield name
    subject.provider.delete(name)
    assert subject.traces(name) == []


@pytest.fixture(scope="package")
def learner(made: Made) -> Iterator[httpx.Client]:
    with client_of(made.cluster.kubeconfig) as client:
        yield client


@pytest.fixture(scope="package")
def grader(made: Made) -> Iterator[httpx.Client]:
    with client_of(made.cluster.grader_kubeconfig) as client:
        yield client


@pytest.fixture(scope="package")
def new_pod(learner: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Return a Pod that this cluster can run; where nodes have images, it is the pause image."""

    def pod(name: str, **spec: Any) -> dict[str, Any]:
        images = [
            tag
            for node in learner.get("/api/v1/nodes").json()["items"]
            for image in node["status"].get("images", ())
            for tag in image["names"]
            if "pause:" in tag
        ]
        container = {"name": "main", "image": images[0] if images else "example/none"}
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0, **spec}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}

    return pod


@pytest.fixture(scope="package")
def connect() -> Callable[[Path], httpx.Client]:
    """Return a client with the identity of a kubeconfig."""
    return client_of


@pytest.fixture(scope="package")
def wait_until() -> Callable[..., None]:
    """Ask until the answer is true; fail when that takes too long."""

    def wait(holds: Callable[[], object], seconds: float = 90.0) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"not true after {seconds} s"
            time.sleep(0.05)

    return wait


def client_of(kubeconfig: Path) -> httpx.Client:
    document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
        pair.write(base64.b64decode(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return httpx.Client(base_url=cluster["server"], verify=context, timeout=30.0, trust_env=False)


@pytest.fixture(scope="package")
def address_of() -> Callable[[Cluster], tuple[str, int]]:
    """Return the host and port that a learner's kubectl dials."""

    def address(cluster: Cluster) -> tuple[str, int]:
        document = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
        parts = urlsplit(document["clusters"][0]["cluster"]["server"])
        return parts.hostname or "", parts.port or 443

    return address


@pytest.fixture(scope="package")
def is_free() -> Callable[[tuple[str, int]], bool]:
    """Say whether a port can be listened at."""

    def free(address: tuple[str, int]) -> bool:
        with closing(socket.socket()) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                server.bind(address)
                server.listen()
            except OSError:
                return False
        return True

    return free


def _processes_about(name: str) -> Iterator[str]:
    own = {psutil.Process().pid, *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        try:
            about = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if process.pid not in own and any(name in word for word in about):
            yield f"process {process.pid}: {' '.join(about)[:200]}"


def _docker_things(name: str) -> list[str]:
    if shutil.which("docker") is None:
        return []
    return [
        f"{kind} {line}"
        for kind, listing in (
            ("container", ["ps", "-a", "--format", "{{.Names}}"]),
            ("volume", ["volume", "ls", "--format", "{{.Name}}"]),
            ("network", ["network", "ls", "--format", "{{.Name}}"]),
        )
        for line in _said("docker", *listing)
        if name in line
    ]


def _said(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.splitlines()
