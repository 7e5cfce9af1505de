"""A platform to measure: the real proctor in a process of its own, with real clusters.

Only the hub is a stand-in, which knows tokens; learners sign in with theirs and ask over HTTP, as a
notebook does.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil

from clusters.provider import Cluster
from clusters.providers.embedded import EmbeddedProvider
from graders.ledger import open_ledger
from graders.proctor.secret import spawner_secret

LABS = Path(__file__).resolve().parent / "grading_labs"
_PREFIX = "/services/proctor"
_START_SECONDS = 180.0


@dataclass(frozen=True)
class Learner:
    """A learner with an open attempt."""

    name: str
    attempt: str
    kubeconfig: str
    """The text of their kubeconfig."""
    cluster: Cluster
    http: httpx.Client
    """Sends their token."""

    def check(self, tasks: list[str] | None = None) -> dict[str, Any]:
        """Ask for a check and return the report."""
        answer = self.http.post(f"attempts/{self.attempt}/checks", json={"tasks": tasks})
        answer.raise_for_status()
        report: dict[str, Any] = answer.json()
        return report


class Platform:
    """A running proctor. Use `running_platform`."""

    def __init__(self, home: Path, proctor: psutil.Process, address: str) -> None:
        self.home = home
        self.proctor = proctor
        self._address = address
        self._provider = EmbeddedProvider(home / "clusters")
        self._clients: list[httpx.Client] = []

    def start(self, name: str, lab: str) -> Learner:
        """Start a lab for a learner, as the hub does."""
        bearer = {"Authorization": f"Bearer {spawner_secret()}"}
        with httpx.Client(timeout=_START_SECONDS, trust_env=False, headers=bearer) as spawner:
            answer = spawner.post(f"{self._address}/attempts", json={"learner": name, "lab": lab})
        answer.raise_for_status()
        last = json.loads(answer.text.splitlines()[-1])
        if "attempt" not in last:
            raise RuntimeError(f"{lab} did not start: {last.get('error')}")
        client = httpx.Client(
            base_url=self._address,
            headers={"Authorization": f"token {name}"},
            timeout=120.0,
            trust_env=False,
        )
        self._clients.append(client)
        attempt = last["attempt"]
        cluster = self._provider.status(attempt["cluster"])
        return Learner(name, attempt["id"], last["kubeconfig"], cluster, client)

    def verify(self) -> list[str]:
        """Return what is wrong with the ledger's chain and signatures, a sentence each."""
        ledger = open_ledger()
        try:
            return ledger.verify()
        finally:
            ledger.close()

    def memory(self) -> float:
        """Return the MiB that the proctor and all of its graders hold, shared pages once."""
        total = 0
        for process in [self.proctor, *self.proctor.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        return total / 2**20

    def close(self) -> None:
        """Delete every cluster."""
        for client in self._clients:
            client.close()
        for cluster in self._provider.list():
            self._provider.delete(cluster.name)


@contextmanager
def running_platform(labs: Path = LABS) -> Iterator[Platform]:
    """Run a proctor with an installation of its own; nothing of it is left afterwards."""
    home = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    before = os.environ.get("ASSAY_HOME")
    os.environ["ASSAY_HOME"] = str(home)
    try:
        with _stand_in_hub() as hub, _proctor(home, labs, hub) as (process, address):
            platform = Platform(home, process, address)
            try:
                yield platform
            finally:
                platform.close()
    finally:
        if before is None:
            del os.environ["ASSAY_HOME"]
        else:
            os.environ["ASSAY_HOME"] = before
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _proctor(home: Path, labs: Path, hub: int) -> Iterator[tuple[psutil.Process, str]]:
    port = _free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "ASSAY_HOME": str(home),
        "ASSAY_LABS": str(labs),
        "ASSAY_MAX_CLUSTERS": "64",
        "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}",
        "JUPYTERHUB_SERVICE_PREFIX": f"{_PREFIX}/",
        "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub}/hub/api",
        "JUPYTERHUB_API_TOKEN": secrets.token_hex(16),
        **{k: v for k, v in os.environ.items() if k in ("ASSAY_CACHE", "ASSAY_DATABASE_URL")},
    }
    log = (home / "proctor.log").open("wb")
    command = [sys.executable, "-m", "graders.proctor"]
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}{_PREFIX}"
        _wait_for(f"{address}/health", process)
        yield psutil.Process(process.pid), address
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("the proctor does not answer")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class _StandInHub(BaseHTTPRequestHandler):
    """Believes everybody: the token is the name of its owner."""

    def do_GET(self) -> None:
        name = self.headers.get("Authorization", "").removeprefix("token ")
        owner = {"kind": "user", "name": name, "scopes": ["custom:labs:learn"]}
        found: object = [] if self.path.startswith("/hub/api/users") else owner
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def _stand_in_hub() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _StandInHub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
