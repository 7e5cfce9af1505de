"""A proctor over real HTTP, with a hub and an engine that only pretend."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, cast

import httpx
import pytest
import uvicorn

from clusters.broker import Broker
from clusters.errors import InputInvalid
from clusters.phases import OnPhase, timed
from clusters.provider import Cluster, ClusterProvider
from graders.attempts import AttemptEnded, Checkpoint, NotExtended
from graders.errors import Cancelled
from graders.ledger import Attempt, AttemptState, Ledger, open_ledger
from graders.proctor.app import create_app
from graders.proctor.settings import Settings
from graders.report import CheckResult, Outcome, Report

SECRET = "the spawner's secret"
TASKS = ("first", "second")
NOW = "2030-01-01T00:00:00Z"
LATER = "2030-02-01T00:00:00Z"
LAB = """
apiVersion: assay.dev/v1
kind: Lab
id: 1f9a0a31-3f5e-4b61-b6a2-54a3cdb1a0c7
slug: tiny
version: 1.0.0
title: A tiny lab
summary: Two tasks that nobody can do.
minutes: 5
tasks:
  - {id: first, title: The first, points: 1, domain: A}
  - {id: second, title: The second, points: 2, domain: A}
"""


class FakeHub(ThreadingHTTPServer):
    """Knows a few tokens, and no notebook server."""

    owners: ClassVar[dict[str, dict[str, Any]]] = {
        "token-of-ada": {"kind": "user", "name": "ada", "scopes": ["custom:labs:learn"]},
        "token-of-bob": {"kind": "user", "name": "bob", "scopes": ["custom:labs:learn"]},
        "token-of-grace": {
            "kind": "user",
            "name": "grace",
            "scopes": ["custom:labs:author", "custom:labs:learn"],
        },
        "token-of-carol": {"kind": "user", "name": "carol", "scopes": ["custom:labs:certify"]},
        "token-for-mail": {"kind": "user", "name": "ada", "scopes": ["read:users:name!user=ada"]},
    }

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _FakeHubHandler)
        self.asked = 0


class _FakeHubHandler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_GET(self) -> None:
        token = self.headers["Authorization"].removeprefix("token ")
        if self.path.startswith("/hub/api/users"):
            self._answer(200, [])
            return
        self.server.asked += 1
        owner = FakeHub.owners.get(token)
        self._answer(200 if owner else 403, owner or {"message": "no"})

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class FakeProvider:
    """Has no clusters and makes none."""

    name = "embedded"
    dresser = None

    def list(self) -> list[Cluster]:
        return []


class FakeAttempts:
    """An engine without clusters. `hold` keeps starts and checks waiting as long as it is clear."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.broker = Broker(ledger.engine, cast(ClusterProvider, FakeProvider()))
        self.hold = threading.Event()
        self.hold.set()
        self.problem: Exception | None = None
        self.starts = 0
        self.checks: list[str] = []
        """The attempts whose checks began, in order."""
        self.resets: list[tuple[str, str]] = []
        """The attempts whose clusters were taken back, and to before which task."""
        self._kubeconfig = folder / "kubeconfig"
        self._kubeconfig.write_text("the learner's kubeconfig")

    def start(self, learner: str, slug: str, *, assurance: str, on_phase: OnPhase) -> Attempt:
        self.starts += 1
        with timed(on_phase, "cluster", "Starting the cluster", 50):
            assert self.hold.wait(20)
        with timed(on_phase, "lab", "Preparing the lab", 100):
            pass
        if self.problem:
            raise self.problem
        return self.ledger.add_attempt(attempt_of(learner, slug, assurance=assurance))

    def require_open(self, attempt_id: str) -> Attempt:
        attempt = self.ledger.attempt(attempt_id)
        if attempt.state is not AttemptState.OPEN:
            raise AttemptEnded("this attempt is over")
        return attempt

    def check(
        self,
        attempt_id: str,
        tasks: list[str] | None,
        on_result: Callable[[CheckResult], None],
        cancel: threading.Event,
    ) -> Report:
        self.checks.append(attempt_id)
        attempt = self.require_open(attempt_id)
        results = []
        for task in tasks or TASKS:
            results.append(CheckResult(task=task, outcome=Outcome.FAILED, message=f"{task}: no"))
            on_result(results[-1])
            self._wait(cancel)
        if self.problem:
            raise self.problem
        report = Report(
            id=f"report-{time.monotonic_ns()}",
            lab=attempt.lab,
            lab_version=attempt.lab_version,
            attempt=attempt.id,
            learner=attempt.learner,
            started_at=NOW,
            finished_at=NOW,
            results=tuple(results),
        )
        self.ledger.append(report)
        return report

    def extend(self, attempt_id: str) -> Attempt:
        attempt = self.require_open(attempt_id)
        if attempt.deadline_at == LATER:
            raise NotExtended("it was extended as often as one may")
        return self.ledger.set_state(attempt_id, AttemptState.OPEN, deadline_at=LATER)

    def checkpoints(self, attempt_id: str) -> dict[str, Checkpoint]:
        self.require_open(attempt_id)
        start = Checkpoint("", "2026-01-01T09:00:00.400000Z")
        return {"": start, **dict.fromkeys(TASKS, start)}

    def reset(self, attempt_id: str, task: str = "") -> Checkpoint:
        self.resets.append((attempt_id, task))
        if task and task not in TASKS:
            raise InputInvalid([f"tiny has no task {task!r}"])
        return self.checkpoints(attempt_id)[task]

    def pause(self, learner: str, slug: str) -> bool:
        return self.ledger.live_attempt(learner, slug) is not None

    def look(self, attempt_id: str, task: str, cancel: threading.Event) -> Report:
        raise AttemptEnded("this engine has no cluster that could change")

    def audit_log(self, attempt: Attempt) -> Path:
        return self._kubeconfig.with_name("audit.log")

    def _wait(self, cancel: threading.Event) -> None:
        deadline = time.monotonic() + 20
        while not self.hold.wait(0.01):
            assert time.monotonic() < deadline
            if cancel.is_set():
                raise Cancelled("cancelled")

    def finish(self, attempt_id: str) -> Attempt:
        return self.ledger.set_state(attempt_id, AttemptState.FINISHED, finished_at=NOW)

    def reconcile(self) -> list[str]:
        return []

    def kubeconfig(self, attempt: Attempt) -> Path:
        return self._kubeconfig

    def notebook(self, attempt: Attempt) -> dict[str, Any]:
        return {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def attempt_of(learner: str, lab: str = "tiny", **changes: Any) -> Attempt:
    attempt = Attempt(
        id=f"{learner}-{lab}",
        learner=learner,
        lab=lab,
        lab_version="1.0.0",
        seed=424242,
        state=AttemptState.OPEN,
        provider="fake",
        cluster=f"{lab}-1",
        assurance="practice",
        started_at=NOW,
        deadline_at=NOW,
    )
    return replace(attempt, **changes)


class Running:
    """A proctor that answers, and what it stands on."""

    def __init__(self, url: str, attempts: FakeAttempts, hub: FakeHub) -> None:
        self.url = url
        self.attempts = attempts
        self.hub = hub

    def as_(self, learner: str) -> httpx.Client:
        headers = {"Authorization": f"token token-of-{learner}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20, trust_env=False)

    def start(self, learner: str = "ada", lab: str = "tiny") -> list[dict[str, Any]]:
        with self.spawner() as client:
            answer = client.post("/attempts", json={"learner": learner, "lab": lab})
        assert answer.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line) for line in answer.text.splitlines()]

    def attempt(self, learner: str, lab: str = "tiny", **changes: Any) -> Attempt:
        """Let somebody have an attempt, without a start."""
        return self.attempts.ledger.add_attempt(attempt_of(learner, lab, **changes))

    def metrics(self) -> str:
        return httpx.get(f"{self.url}/metrics", timeout=20, trust_env=False).text

    @staticmethod
    def problem_of(answer: httpx.Response) -> str:
        assert answer.headers["content-type"] == "application/problem+json"
        document = answer.json()
        assert document["status"] == answer.status_code
        return str(document["detail"])

    @staticmethod
    def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come true in time"
            time.sleep(0.02)

    def spawner(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {SECRET}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20, trust_env=False)


@pytest.fixture
def proctor(tmp_path: Path) -> Iterator[Running]:
    with run_proctor(tmp_path) as running:
        yield running


@contextmanager
def run_proctor(folder: Path) -> Iterator[Running]:
    """Let a proctor answer, with a ledger and a lab of its own in `folder`."""
    (folder / "labs" / "tiny").mkdir(parents=True)
    (folder / "labs" / "tiny" / "lab.yaml").write_text(LAB)
    hub = FakeHub()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ASSAY_LABS", str(folder / "labs"))
        environment.setenv("ASSAY_HOME", str(folder))
        ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}", folder / "keys")
        attempts = FakeAttempts(ledger, folder)
        listener = socket.create_server(("127.0.0.1", 0))
        settings = Settings(
            host="127.0.0.1",
            port=listener.getsockname()[1],
            prefix="/services/proctor",
            api_url=f"http://127.0.0.1:{hub.server_port}/hub/api",
            api_token="the proctor's token",
            patience=1.0,
            gradings=2,
        )
        app = create_app(settings, attempts, ledger, SECRET)  # type: ignore[arg-type]
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        threads = [
            threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05}),
            threading.Thread(target=server.run, kwargs={"sockets": [listener]}),
        ]
        for thread in threads:
            thread.start()
        running = Running(f"http://127.0.0.1:{settings.port}/services/proctor", attempts, hub)
        running.wait_until(lambda: server.started)
        yield running
        attempts.hold.set()
        server.should_exit = True
        hub.shutdown()
        for thread in threads:
            thread.join(20)
        hub.server_close()
        ledger.close()


@pytest.fixture(scope="module")
def shared_proctor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A proctor for all tests of a module that ask it many things."""
    with run_proctor(tmp_path_factory.mktemp("proctor")) as running:
        yield running


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
