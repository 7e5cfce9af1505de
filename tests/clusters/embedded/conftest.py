"""Clients of a running cluster, one for each identity; and waiting with a deadline."""

from __future__ import annotations

import base64
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from clusters.provider import Cluster


@pytest.fixture(scope="module")
def learner(cluster: Cluster) -> Iterator[httpx.Client]:
    with client_of(cluster.kubeconfig) as client:
        yield client


@pytest.fixture(scope="module")
def grader(cluster: Cluster) -> Iterator[httpx.Client]:
    with client_of(cluster.grader_kubeconfig) as client:
        yield client


@pytest.fixture(scope="session")
def connect() -> Callable[[Path], httpx.Client]:
    """Return a client with the identity of a kubeconfig."""
    return client_of


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], object]], None]:
    """Ask until the answer is true; fail when that takes too long."""

    def wait(holds: Callable[[], object], seconds: float = 60.0) -> None:
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
        pair.write(base64.b64decode(user["client-certificate-data"]))
        pair.write(base64.b64decode(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return httpx.Client(base_url=cluster["server"], verify=context, timeout=30.0, trust_env=False)
