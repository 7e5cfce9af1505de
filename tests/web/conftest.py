"""A site with a real ledger, some labs, and a hub that is a small real server named FakeHub."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Engine, event

from graders.bundles.store import EvidenceStore
from graders.ledger import (
    Attempt,
    AttemptState,
    Ledger,
    open_ledger,
    timestamp,
)
from graders.report import CheckResult, Outcome, Report
from tests.web.fake_hub import ACCESS, AUTHOR, CERTIFY, LEARN, FakeHub
from web.app import create_app
from web.database import open_web_database
from web.site import Site

PREFIX = "/services/web"


def bundle_of(results: list[CheckResult]) -> dict[str, Any]:
    """Evidence as the grader keeps it: what each check asked, and what it was told."""
    claim = {
        "kind": "ResourceClaim",
        "metadata": {"name": "two-gpus", "namespace": "work", "uid": "7d1f"},
        "status": {"note": "<script>alert(1)</script>"},
    }
    event = {"verb": "create", "user": "learner", "name": "two-gpus", "resource": "resourceclaims"}
    path = "/apis/resource.k8s.io/v1/namespaces/work/resourceclaims"
    recording = {
        "began_at": "2030-01-01T00:00:00.000Z",
        "requests": [
            {"at": 0.012, "method": "GET", "path": path, "status": 200, "answer": "head",
             "items": ["claim", None]},
            {"at": 0.03, "method": "POST", "path": "/api/v1/namespaces/work/pods", "body": "claim",
             "error": ["ClusterUnreachable", "The API server does not answer"]},
        ],
        "log": [{"at": 0.02, "query": {"verb": ["create"], "name": "two-gpus"}, "events": ["e"]}],
        "observations": [{"at": 0.04, "what": "GET http://svc/health", "value": "ok"}],
        "dropped": {"bytes": 0, "steps": 2},
    }  # fmt: skip
    return {
        "schema": "assay.dev/evidence/v1",
        "seed": 7,
        "values": {"count": 2},
        "versions": {"kubernetes": "v1.37.2"},
        "objects": {"head": {"kind": "List"}, "claim": claim, "e": event, "ok": {"status": 200}},
        "tasks": {
            r.task: {"outcome": r.outcome.value, "message": r.message, "seconds": 0.05,
                     "recording": recording}
            for r in results
        },
    }  # fmt: skip


class School(NamedTuple):
    """Writes into the ledger what a class does."""

    ledger: Ledger

    def attempt(self, learner: str, lab: str = "claim-a-gpu", **changes: Any) -> Attempt:
        """Let a learner begin an attempt."""
        now = datetime.now(UTC)
        values: dict[str, Any] = {
            "id": secrets.token_hex(16),
            "learner": learner,
            "lab": lab,
            "lab_version": "1.0.0",
            "seed": 7,
            "state": AttemptState.OPEN,
            "provider": "embedded",
            "cluster": f"{lab}-{secrets.token_hex(4)}",
            "assurance": "practice",
            "started_at": timestamp(now - timedelta(minutes=25)),
            "deadline_at": timestamp(now + timedelta(minutes=95, seconds=30)),
            "kubernetes": "v1.37.2",
        }
        return self.ledger.add_attempt(Attempt(**{**values, **changes}))

    def check(self, attempt: Attempt, at: str = "", /, **outcomes: str | CheckResult) -> Report:
        """Let the proctor check tasks, given as `task_id=outcome`."""
        at = at or timestamp(datetime.now(UTC))
        results = [
            given
            if isinstance(given, CheckResult)
            else CheckResult(
                task=task.replace("_", "-"), outcome=Outcome(given), message=f"{task} is {given}."
            )
            for task, given in outcomes.items()
        ]
        report = Report(
            id=secrets.token_hex(16),
            lab=attempt.lab,
            lab_version=attempt.lab_version,
            attempt=attempt.id,
            learner=attempt.learner,
            started_at=at,
            finished_at=at,
            results=tuple(results),
            assurance=attempt.assurance,
            evidence=EvidenceStore().put(json.dumps(bundle_of(results)).encode()),
        )
        self.ledger.append(report)
        return report

    def end(self, attempt: Attempt, state: AttemptState = AttemptState.FINISHED) -> None:
        """End an attempt."""
        self.ledger.set_state(attempt.id, state, finished_at=timestamp(datetime.now(UTC)))


def lab_document(slug: str, **changes: Any) -> dict[str, Any]:
    tasks = [
        {"id": "read-slices", "title": "Read what the nodes carry", "points": 10, "domain": "O"},
        {"id": "claim", "title": "Claim two devices", "points": 20, "domain": "P"},
        {"id": "repair", "title": "Repair a Pod that stays Pending", "points": 30, "domain": "O"},
    ]
    return {
        "apiVersion": "assay.dev/v1",
        "kind": "Lab",
        "id": f"6c0f2a58-0000-4000-8000-{abs(hash(slug)) % 10**12:012d}",
        "slug": slug,
        "version": "1.0.0",
        "title": "Claim a GPU",
        "summary": "Find the accelerators of a cluster in its API, claim them, repair a workload.",
        "minutes": 40,
        "capabilities": ["scheduling"],
        "tasks": tasks,
        **changes,
    }


def write_lab(folder: Path, slug: str, **changes: Any) -> None:
    (folder / slug).mkdir(parents=True)
    document = yaml.safe_dump(lab_document(slug, **changes), sort_keys=False)
    (folder / slug / "lab.yaml").write_text(document, encoding="utf-8")


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two labs, one of which this installation cannot run, and one that cannot be read."""
    folder = tmp_path / "labs"
    write_lab(folder, "claim-a-gpu")
    write_lab(
        folder,
        "serve-a-model",
        title="Serve a model",
        summary="Put a model server behind a Service and roll out a new one without a gap.",
        minutes=75,
        capabilities=["scheduling", "inference", "networking"],
    )
    (folder / "half-a-lab").mkdir()
    (folder / "half-a-lab" / "lab.yaml").write_text("kind: Lab\ncolour: <b>oops</b>\n", "utf-8")
    monkeypatch.setenv("ASSAY_LABS", str(folder))
    return folder


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every table, and compiled templates: each test has a copy or uses them."""
    folder = tmp_path_factory.mktemp("made-once")
    url = f"sqlite:///{folder / 'assay.db'}"
    open_ledger(url, folder / "keys").close()
    open_web_database(url).close()
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_once: Path) -> Path:
    """An installation of its own."""
    home = tmp_path / "home"
    monkeypatch.setenv("ASSAY_HOME", str(home))
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    home.mkdir(mode=0o700)
    shutil.copy(made_once / "assay.db", home)
    return home


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    hub = FakeHub()
    hub.add("ada", ACCESS, LEARN)
    hub.add("grace", ACCESS, LEARN, AUTHOR)
    hub.add("carol", ACCESS, CERTIFY)
    yield hub
    hub.close()


@pytest.fixture
def settings(hub: FakeHub) -> dict[str, str]:
    """What the hub tells the site."""
    return {
        "JUPYTERHUB_API_URL": f"{hub.url}/hub/api",
        "JUPYTERHUB_API_TOKEN": hub.api_token,
        "JUPYTERHUB_CLIENT_ID": hub.client_id,
        "JUPYTERHUB_SERVICE_PREFIX": f"{PREFIX}/",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": f'["{ACCESS}"]',
        "ASSAY_PROCTOR_URL": f"{hub.url}/services/proctor",
    }


@pytest.fixture
def app(home: Path, labs: Path, settings: dict[str, str], made_once: Path) -> Iterator[Flask]:
    app = create_app(settings)
    app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(made_once))
    app.testing = False
    yield app
    parts: Site = app.extensions["assay"]
    parts.close()


@pytest.fixture
def school(app: Flask) -> Iterator[School]:
    """The class; `app` comes first, since it makes the database."""
    ledger = open_ledger()
    yield School(ledger)
    ledger.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that is not signed in."""
    return app.test_client()


@pytest.fixture
def sign_in(app: Flask, hub: FakeHub) -> Callable[[str], FlaskClient]:
    """Return a function that signs somebody in and returns their browser."""

    def signed_in(name: str) -> FlaskClient:
        browser = app.test_client()
        reply = browser.get(f"{PREFIX}/")
        assert reply.status_code == 302, reply.text
        reply = browser.get(hub.authorize(reply.location, name))
        assert reply.status_code == 302, reply.text
        return browser

    return signed_in


@pytest.fixture
def ada(sign_in: Callable[[str], FlaskClient]) -> FlaskClient:
    """The browser of a learner."""
    return sign_in("ada")


@pytest.fixture
def grace(sign_in: Callable[[str], FlaskClient]) -> FlaskClient:
    """The browser of an instructor."""
    return sign_in("grace")


@pytest.fixture
def carol(sign_in: Callable[[str], FlaskClient]) -> FlaskClient:
    """The browser of a certifier."""
    return sign_in("carol")


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Return a function that polls until something is true."""

    def poll(true: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, "it did not come true in time"
            time.sleep(0.05)

    return poll


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every SQL statement that any engine runs, in order."""
    ran: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        ran.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield ran
    event.remove(Engine, "before_cursor_execute", note)
