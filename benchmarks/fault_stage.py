"""The stage of the fault tests: a real proctor over a real cluster and ledger, to be struck.

Only the hub is a stand-in: it knows one token. Everything that may break is the real thing, in
processes of its own, and is struck from outside.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from benchmarks.fault_databases import Database
from clusters.provider import Cluster, provider_named
from graders.api import ApiServer, Refusal
from graders.ledger import Ledger, open_ledger
from graders.proctor.secret import spawner_secret
from graders.remote import RemoteAttempt
from graders.report import Outcome

LEARNER, TOKEN, LAB = "ada", "token-of-ada", "faults"
TASKS = ("there", "slow", "absent", "toggled")
SLOW_SECONDS = 0.2
CHECKS = f'''
"""Checks whose right answer is always known."""

import time

from graders import ClusterView, check, expect


@check("there")
def test_there(cluster: ClusterView) -> None:
    cluster.get("Namespace", "default")


@check("slow")
def test_slow(cluster: ClusterView) -> None:
    time.sleep({SLOW_SECONDS})
    cluster.get("Namespace", "default")


@check("absent")
def test_absent(cluster: ClusterView) -> None:
    cluster.get("ConfigMap", "absent", "default")


@check("toggled")
def test_toggled(cluster: ClusterView) -> None:
    cluster.get("ConfigMap", "toggled", "default")
'''
_CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
_DEADLINE = 240.0
"""Seconds for anything to happen; a busy machine takes a minute to start a proctor."""


class StandInHub(ThreadingHTTPServer):
    """The hub's API as far as the proctor asks it: who has this token, which servers run."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _StandInHubHandler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self.shutdown()
        self.server_close()


class _StandInHubHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        owner = {"kind": "user", "name": LEARNER, "scopes": ["custom:labs:learn"]}
        body = json.dumps([] if "/users" in self.path else owner).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Stay silent."""


class Stage:
    """A learner with an open attempt at a lab whose right answers are known."""

    def __init__(self, folder: Path, database: Database, hub: StandInHub) -> None:
        """Use an empty folder as the installation; `stage` is the usual way."""
        self.folder = folder
        self.database = database
        self._environment = {
            **os.environ,
            "ASSAY_HOME": str(folder),
            "ASSAY_LABS": str(folder / "labs"),
            "ASSAY_DATABASE_URL": database.url,
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub.server_port}/hub/api",
            "JUPYTERHUB_API_TOKEN": "the proctor's own",
            "JUPYTERHUB_SERVICE_PREFIX": "/services/proctor/",
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{_free_port()}",
        }
        self.url = f"{self._environment['JUPYTERHUB_SERVICE_URL']}/services/proctor"
        self.proctor: subprocess.Popen[bytes] | None = None
        self.ledger: Ledger = open_ledger(database.url, folder / "keys")

    def revive(self) -> None:
        """Start the proctor unless it runs, as the hub does, and wait until it answers."""
        if self.proctor is None or self.proctor.poll() is not None:
            log = (self.folder / "proctor.log").open("ab")
            with log:
                self.proctor = subprocess.Popen(
                    [sys.executable, "-m", "graders.proctor"],
                    env=self._environment,
                    stderr=log,
                    stdout=log,
                )
        until(self._answers, "the proctor answers")

    def start_lab(self) -> str:
        """Start the lab and return the id of the attempt."""
        with httpx.stream(
            "POST",
            f"{self.url}/attempts",
            json={"learner": LEARNER, "lab": LAB},
            headers={"Authorization": f"Bearer {spawner_secret(self.folder / 'keys')}"},
            timeout=_DEADLINE,
            trust_env=False,
        ) as answer:
            last = [json.loads(line) for line in answer.iter_lines()][-1]
        return str(last["attempt"]["id"])

    def remote(self, attempt: str) -> RemoteAttempt:
        """Return the attempt as a notebook sees it."""
        return RemoteAttempt(self.url, attempt, TOKEN)

    def workers(self) -> list[psutil.Process]:
        """Return every process that the proctor started, but those of the cluster."""
        if self.proctor is None or self.proctor.poll() is not None:
            return []
        cluster = {c.pid for found in self.clusters() for c in found.components}
        try:
            below = psutil.Process(self.proctor.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [process for process in below if process.pid not in cluster]

    def clusters(self) -> list[Cluster]:
        """Return the clusters of this installation."""
        return list(provider_named().list())

    def toggle(self, there: bool) -> dict[str, Outcome]:
        """Change the cluster as the learner, and return the right answers from now on."""
        [cluster] = self.clusters()
        with ApiServer.from_file(cluster.kubeconfig) as api:
            try:
                if there:
                    api.post(_CONFIG_MAPS, {"metadata": {"name": "toggled"}})
                else:
                    api.delete(f"{_CONFIG_MAPS}/toggled", {})
            except Refusal as refusal:
                if refusal.code not in (404, 409):
                    raise
        passed = {"there": True, "slow": True, "absent": False, "toggled": there}
        return {t: Outcome.PASSED if passed[t] else Outcome.FAILED for t in TASKS}

    def close(self) -> None:
        """End everything."""
        if self.proctor is not None:
            self.proctor.kill()
            self.proctor.wait()
        for cluster in self.clusters():
            provider_named().delete(cluster.name)
        self.ledger.close()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def stage(folder: Path, database: Database) -> Iterator[Stage]:
    """Build the stage in a folder, which becomes this process's installation, and clear it away."""
    write_lab(folder / "labs" / LAB)
    before = os.environ.get("ASSAY_HOME")
    os.environ["ASSAY_HOME"] = str(folder)
    try:
        with ExitStack() as stack:
            hub = stack.enter_context(closing(StandInHub()))
            yield stack.enter_context(closing(Stage(folder, database, hub)))
    finally:
        os.environ.pop("ASSAY_HOME")
        if before is not None:
            os.environ["ASSAY_HOME"] = before


def write_lab(folder: Path) -> None:
    """Write the lab whose right answers are known."""
    (folder / "checks").mkdir(parents=True)
    (folder / "checks" / "test_known.py").write_text(CHECKS, encoding="utf-8")
    tasks = [{"id": t, "title": t, "points": 1, "domain": "O", "seconds": 20} for t in TASKS]
    document: dict[str, Any] = {
        "apiVersion": "assay.dev/v1",
        "kind": "Lab",
        "id": "6d1a5b0e-6f0e-4c0f-9e67-1f0f3a0c7c11",
        "slug": folder.name,
        "version": "1.0.0",
        "title": "Faults",
        "summary": "Its right answers are always known.",
        "minutes": 240,
        "tasks": tasks,
    }
    (folder / "lab.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "notebook.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def until(true: Callable[[], bool], what: str, seconds: float = _DEADLINE) -> None:
    """Wait until something is true.

    Raises:
        TimeoutError: it did not become true.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.02)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def random_folder() -> Path:
    """Return a new short path: unix sockets are put below it."""
    return Path(f"/tmp/assay-faults-{secrets.token_hex(4)}")
