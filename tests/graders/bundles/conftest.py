"""A fake API server and audit log for unit tests: objects that change while they are looked at."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from graders import clock
from graders.api import ApiServer, Fetched
from graders.audit import AuditEvent, AuditQuery
from graders.bundles.closing import close
from graders.bundles.recording import (
    RecordedApiServer,
    RecordedDiscovery,
    RecordedLog,
    Recording,
)
from graders.bundles.replay import Replay
from graders.bundles.told import Told
from graders.bundles.views import replayed_view
from graders.checks import CheckFailed
from graders.discovery import Discovery, ResourceType
from graders.errors import AuditIncomplete, ClusterUnreachable, GradingError
from graders.view import ClusterView

VERBS = frozenset({"get", "list", "create", "delete"})
KINDS = {"pods": "Pod", "configmaps": "ConfigMap", "secrets": "Secret", "namespaces": "Namespace"}


def known_kinds() -> Discovery:
    discovery = Discovery()
    discovery._types = tuple(
        ResourceType("", "v1", kind, plural, kind.lower(), kind != "Namespace", VERBS)
        for plural, kind in KINDS.items()
    )
    return discovery


class FakeCluster:
    """Answers like an API server, and changes its objects as `draw` has it."""

    def __init__(self, objects: Mapping[str, dict[str, Any]], draw: random.Random | None = None):
        self.objects = dict(objects)
        self.draw = draw
        self.version = 10
        self.events: list[AuditEvent] = []

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Fetched:
        if self.draw is not None:
            self._happen(self.draw)
        status, document = self._find(method, path, query, body)
        return Fetched(status, {}, json.dumps(document).encode())

    def _happen(self, draw: random.Random) -> None:
        self.version += 1
        for path in draw.sample(sorted(self.objects), k=min(1, len(self.objects))):
            match draw.randrange(6):
                case 0:
                    self.objects[path]["status"] = {"phase": draw.choice(["Pending", "Running"])}
                case 1:
                    self.objects[path]["metadata"]["resourceVersion"] = str(self.version)
                case 2 if draw.random() < 0.2:
                    del self.objects[path]
                case 3 if draw.random() < 0.05:
                    raise ClusterUnreachable("The API server does not answer: no answer in 10 s")

    def _find(
        self, method: str, path: str, query: Mapping[str, str], body: Any
    ) -> tuple[int, dict[str, Any]]:
        if path.endswith("subjectaccessreviews"):
            return 201, {**body, "status": {"allowed": self.version % 3 == 0}}
        if method == "POST":
            name = body["metadata"]["name"]
            made = {**body, "metadata": {**body["metadata"], "uid": f"u{self.version}"}}
            if "dryRun" not in query:
                self.objects[f"{path}/{name}"] = made
            return 201, made
        if method == "DELETE":
            self.objects.pop(path, None)
            return 200, {"kind": "Status", "status": "Success"}
        if path.rpartition("/")[2] in KINDS:
            items = [o for p, o in sorted(self.objects.items()) if p.startswith(path + "/")]
            kind = KINDS[path.rpartition("/")[2]] + "List"
            head = {"resourceVersion": str(self.version)}
            bare = [{k: v for k, v in item.items() if k != "kind"} for item in items]
            return 200, {"kind": kind, "metadata": head, "items": bare}
        if path not in self.objects:
            return 404, {"kind": "Status", "message": f"{path} not found", "code": 404}
        return 200, self.objects[path]


class FakeApiServer(ApiServer):
    """Asks a fake cluster."""

    def __init__(self, fake: FakeCluster) -> None:
        self.fake = fake
        self._headers: dict[str, str] = {}

    def close(self) -> None:
        """Nothing is open."""

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        *,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> Fetched:
        return self.fake.answer(method, path, query or {}, json.loads(json.dumps(body)))


class RecordedFake(RecordedApiServer, FakeApiServer):
    """Asks a fake cluster and notes what it says."""

    def __init__(self, fake: FakeCluster, recording: Recording) -> None:
        FakeApiServer.__init__(self, fake)
        self._recording = recording


class FakeLog:
    """The events of a fake cluster."""

    def __init__(self, fake: FakeCluster) -> None:
        self.fake = fake

    def events(self, query: AuditQuery) -> Iterator[AuditEvent]:
        if self.fake.draw is not None and self.fake.draw.random() < 0.05:
            raise AuditIncomplete("The audit log of this cluster cannot be read: gone")
        yield from [event for event in self.fake.events if query.accepts(event)]

    def begins_at(self) -> str:
        return "2026-01-01T10:00:00.000000Z"


def an_event(id: str, verb: str, resource: str, **changes: Any) -> AuditEvent:
    values = {
        "id": id,
        "time": "2026-01-01T10:00:01.000000Z",
        "actor": "learner",
        "impersonates": "",
        "verb": verb,
        "group": "",
        "resource": resource,
        "subresource": "",
        "namespace": "lab",
        "name": "web",
        "uid": "u1",
        "code": 200,
    }
    return AuditEvent(**{**values, **changes})


def an_object(kind: str, name: str, **content: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "lab", "uid": f"uid-{name}", "resourceVersion": "1"}
    return {"kind": kind, "apiVersion": "v1", "metadata": metadata, **content}


def standing_cluster(draw: random.Random | None = None) -> FakeCluster:
    """A cluster with a few objects of each kind."""
    system = an_object("Namespace", "kube-system")
    system["metadata"]["creationTimestamp"] = "2026-01-01T10:00:00Z"
    objects = {"/api/v1/namespaces/kube-system": system}
    for name in ("web", "db", "cache"):
        pod = an_object("Pod", name, spec={"nodeName": "n1"}, status={"phase": "Pending"})
        objects[f"/api/v1/namespaces/lab/pods/{name}"] = pod
    objects["/api/v1/namespaces/lab/configmaps/notes"] = an_object(
        "ConfigMap", "notes", data={"answer": "42", "ümlaut": 'ä\n"quoted"'}
    )
    fake = FakeCluster(objects, draw)
    fake.events = [
        an_event("e1", "create", "pods"),
        an_event("e2", "patch", "pods", subresource="status", name="db", request={"a": [1]}),
    ]
    return fake


Check = Callable[[ClusterView], None]


class Took(NamedTuple):
    """What came of a check."""

    outcome: tuple[str, ...]
    recorded: dict[str, Any]
    """What was recorded of it."""


class Again(NamedTuple):
    """What came of it in a replay."""

    outcome: tuple[str, ...]
    lacking: list[str]


def outcome_of(check: Check, view: ClusterView) -> tuple[str, ...]:
    try:
        check(view)
    except CheckFailed as no:
        return ("failed", no.message, no.expected, no.found)
    except AssertionError as no:
        return ("failed", str(no))
    except GradingError as error:
        return ("error", type(error).__name__, str(error))
    return ("passed",)


def run_recorded(check: Check, fake: FakeCluster) -> Took:
    recording = Recording()
    kinds = known_kinds()
    view = ClusterView(
        RecordedFake(fake, recording),
        RecordedLog(FakeLog(fake), recording),
        RecordedDiscovery(kinds, FakeApiServer(fake), recording),
        recording,
    )
    with clock.keeping_time(recording):
        outcome = outcome_of(check, view)
    return Took(outcome, json.loads(json.dumps(close(recording, kinds))))


def run_again(check: Check, recorded: Mapping[str, Any]) -> Again:
    replay = Replay(recorded, Told(copy.deepcopy(recorded["objects"])))
    with replayed_view(replay) as view:
        return Again(outcome_of(check, view), replay.lacking)


Record = Callable[[Check, FakeCluster], Took]
Judge = Callable[[Check, Mapping[str, Any]], Again]


@pytest.fixture(scope="session")
def record() -> Record:
    """Run a check on a fake cluster and record it."""
    return run_recorded


@pytest.fixture(scope="session")
def judge() -> Judge:
    """Run a check on a recording."""
    return run_again


@pytest.fixture(scope="session")
def make_cluster() -> Callable[..., FakeCluster]:
    """Make a fake cluster with a few objects of each kind."""
    return standing_cluster
