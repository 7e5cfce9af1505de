"""The stage of live state: a real proctor, real clusters, and a lab whose right answers are known.

Only the hub is a stand-in: it knows the token of anybody. Changes are made with the learner's own
credential, and seen by following the attempt as a notebook does.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml

from clusters.errors import AssayError
from graders.api import ApiServer, Refusal
from graders.proctor.secret import spawner_secret
from graders.remote import Event, RemoteAttempt

LAB = "live"
CHECKS = '''
"""Checks whose right answer is always known."""

import time

from graders import ClusterView, check, expect


@check("present")
def test_present(cluster: ClusterView) -> None:
    cluster.get("ConfigMap", "present", "default")


@check("right")
def test_right(cluster: ClusterView) -> None:
    found = cluster.get("ConfigMap", "right", "default")["data"]["answer"]
    expect(found == "42", "The answer is wrong", expected="another one", found=found)


@check("running")
def test_running(cluster: ClusterView) -> None:
    pod = cluster.get("Pod", "running", "default")
    expect(pod["status"].get("phase") == "Running", "The Pod does not run")


@check("tidy")
def test_tidy(cluster: ClusterView) -> None:
    names = [item["metadata"]["name"] for item in cluster.list("ConfigMap", "default")]
    expect("untidy" not in names, "There is something untidy")


@check("probed")
def test_probed(cluster: ClusterView) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": "default"},
        "spec": {"ports": [{"port": 80}]},
    }
    with cluster.create_probe(service):
        found = [item["metadata"]["name"] for item in cluster.list("Service", "default")]
        expect("wanted" in found, "There is no Service of this name")


@check("kept")
def test_kept(cluster: ClusterView) -> None:
    cluster.get("ConfigMap", "guarded", "default")
'''
GUARDED = """
apiVersion: v1
kind: ConfigMap
metadata: {name: guarded, namespace: default}
data: {what: untouched}
"""
TASKS = ("present", "right", "running", "tidy", "probed", "kept")
_SAFEGUARD = {
    "id": "guarded-stays",
    "title": "The guarded ConfigMap stays as it is",
    "object": {"kind": "ConfigMap", "name": "guarded", "namespace": "default"},
    "rule": "untouched",
    "guards": ["kept"],
}
_PATHS = {"ConfigMap": "configmaps", "Pod": "pods", "Service": "services"}
_DEADLINE = 120.0


class StandInHub(ThreadingHTTPServer):
    """The hub's API as far as the proctor asks it: `token-of-ada` is Ada's."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _StandInHubHandler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self.shutdown()
        self.server_close()


class _StandInHubHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.headers["Authorization"].removeprefix("token token-of-")
        owner = {"kind": "user", "name": name, "scopes": ["custom:labs:learn"]}
        body = json.dumps([] if "/users" in self.path else owner).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Stay silent."""


@dataclass(frozen=True)
class Moment:
    """An event, and when it came."""

    at: float
    """Seconds of the monotonic clock."""
    event: Event


class Follower:
    """Somebody who follows an attempt, in a thread."""

    def __init__(self, attempt: RemoteAttempt) -> None:
        self._attempt = attempt
        self._moments: queue.Queue[Moment] = queue.Queue()
        self._ended = False
        threading.Thread(target=self._run, daemon=True).start()

    def verdict(self, task: str, outcome: str, seconds: float = 20) -> float:
        """Wait for a verdict; return when it came."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            try:
                moment = self._moments.get(timeout=max(left, 0.001))
            except queue.Empty:
                raise TimeoutError(f"{task} was not {outcome} within {seconds} s") from None
            data = moment.event.data
            if moment.event.kind == "result" and (data["task"], data["outcome"]) == (task, outcome):
                return moment.at

    def drain(self) -> list[Event]:
        """Return what came so far and was not waited for."""
        events = []
        with suppress(queue.Empty):
            while True:
                events.append(self._moments.get_nowait().event)
        return events

    def stop(self) -> None:
        """Follow no more, from the next event on."""
        self._ended = True

    def _run(self) -> None:
        last = ""
        while not self._ended:
            try:
                for event in self._attempt.follow(last):
                    self._moments.put(Moment(time.monotonic(), event))
                    last = event.id
                    if self._ended:
                        return
            except AssayError:
                time.sleep(0.1)


class Learner:
    """Somebody with an open attempt at the lab."""

    def __init__(self, name: str, url: str, started: Mapping[str, Any], folder: Path) -> None:
        self.name = name
        self.id = str(started["attempt"]["id"])
        self.remote = RemoteAttempt(url, self.id, f"token-of-{name}")
        file = folder / f"{name}.kubeconfig"
        file.write_text(started["kubeconfig"], encoding="utf-8")
        self.kubeconfig = file
        self.api = ApiServer.from_file(file)

    def make(self, kind: str, name: str, **content: Any) -> None:
        """Create an object in the namespace default."""
        document = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **content}
        self.api.post(f"/api/v1/namespaces/default/{_PATHS[kind]}", document)

    def remove(self, kind: str, name: str) -> None:
        """Delete one; that it is gone already is no error."""
        with suppress(Refusal):
            path = f"/api/v1/namespaces/default/{_PATHS[kind]}/{name}"
            self.api.delete(path, {"gracePeriodSeconds": 0})

    def make_pod(self, name: str) -> None:
        """Create a Pod that the scheduler and the simulated kubelet will let run."""
        self.make("Pod", name, spec={"containers": [{"name": "main", "image": "main:1"}]})

    def follow(self) -> Follower:
        """Follow the attempt."""
        return Follower(self.remote)


class Stage:
    """A proctor, and as many learners as are let in."""

    def __init__(self, folder: Path, hub: StandInHub) -> None:
        self.folder = folder
        self.log = folder / "proctor.log"
        self.environment = {
            **os.environ,
            "ASSAY_HOME": str(folder),
            "ASSAY_LABS": str(folder / "labs"),
            "ASSAY_DATABASE_URL": f"sqlite:///{folder / 'assay.db'}",
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub.server_port}/hub/api",
            "JUPYTERHUB_API_TOKEN": "the proctor's own",
            "JUPYTERHUB_SERVICE_PREFIX": "/services/proctor/",
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{_free_port()}",
        }
        self.url = f"{self.environment['JUPYTERHUB_SERVICE_URL']}/services/proctor"
        self.proctor: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the proctor and wait until it answers."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "graders.proctor"]
            self.proctor = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        until(self._answers, "the proctor answers")

    def kill(self) -> None:
        """Kill the proctor."""
        if self.proctor is not None:
            self.proctor.kill()
            self.proctor.wait()

    def learner(self, name: str) -> Learner:
        """Let somebody start the lab."""
        with httpx.stream(
            "POST",
            f"{self.url}/attempts",
            json={"learner": name, "lab": LAB},
            headers={"Authorization": f"Bearer {spawner_secret(self.folder / 'keys')}"},
            timeout=_DEADLINE,
            trust_env=False,
        ) as answer:
            last = [json.loads(line) for line in answer.iter_lines()][-1]
        if "attempt" not in last:
            raise RuntimeError(f"the lab did not start: {last}")
        return Learner(name, self.url, last, self.folder)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False, timeout=2).is_success
        except httpx.HTTPError:
            return False


@contextmanager
def live_stage(folder: Path) -> Iterator[Stage]:
    """Set up an installation in an empty folder; everything is gone afterwards."""
    write_lab(folder / "labs" / LAB)
    hub = StandInHub()
    stage = Stage(folder, hub)
    stage.start()
    try:
        yield stage
    finally:
        stage.kill()
        hub.close()
        names = [path.name for path in (folder / "clusters").glob("*") if path.is_dir()]
        for name in names:
            command = [sys.executable, "-m", "clusters.cli", "cluster", "delete", name]
            subprocess.run(command, env=stage.environment, check=False, capture_output=True)


def write_lab(folder: Path) -> None:
    """Write the lab."""
    document = {
        "apiVersion": "assay.dev/v1",
        "kind": "Lab",
        "id": "7b0a7e9c-5a35-4f4e-9a52-0b1c3d8a6f10",
        "slug": LAB,
        "version": "1.0.0",
        "title": "Live",
        "summary": "Six tasks that are done and undone in a moment.",
        "minutes": 240,
        "tasks": [{"id": id, "title": id, "points": 1, "domain": "A"} for id in TASKS],
        "safeguards": [_SAFEGUARD],
    }
    (folder / "checks").mkdir(parents=True)
    (folder / "manifests").mkdir()
    (folder / "checks" / "test_live.py").write_text(CHECKS, encoding="utf-8")
    (folder / "manifests" / "guarded.yaml").write_text(GUARDED, encoding="utf-8")
    (folder / "lab.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "notebook.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def until(condition: Callable[[], object], what: str, seconds: float = _DEADLINE) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"in vain: {what}")
        time.sleep(0.02)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
