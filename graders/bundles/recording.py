"""Recording: every exchange of one check with its cluster, in the worker, in order.

Noted are the requests and their answers, the queries of the audit log and their events, the random
names of probes, what `ClusterView.observe` measured, the kinds that the cluster serves, and how
the time went. Noting costs next to nothing; the work is done by `graders.bundles.closing`, when
the verdict is known.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import urllib3

from graders import probes
from graders.api import ApiServer, Fetched, Refusal
from graders.audit import AuditEvent, AuditQuery, EventLog
from graders.bundles.steps import Failure, LogStep, Observation, Request, Spoken
from graders.discovery import Discovery, ResourceType
from graders.errors import GradingError
from graders.kubeconfig import Kubeconfig

STEPS_KEPT = 5000
"""Requests, looks at the clock and the like, of each sort, that are noted of one check."""
_ASKED = tuple(field.name for field in fields(AuditQuery))
RAW_BYTES = 32 << 20
"""Bytes of different answers that are remembered until the check ends."""


class Recording:
    """What one check was told; also the clock that it lives by."""

    def __init__(self) -> None:
        self.began_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.moments: list[int] = []
        """Every time that the check was told, in nanoseconds since it began."""
        self.names: list[str] = []
        self.requests: list[Request] = []
        self.log: list[LogStep] = []
        self.observations: list[Observation] = []
        self.kinds_asked: dict[str, list[bool | Failure]] = {}
        """What came of each question for a kind: whether it is served, or why that is unknown."""
        self.beyond = 0
        """Steps that were too many to note."""
        self.contents: dict[str, bytes] = {}
        """What was said in requests and answers, by digest."""
        self._bytes = 0
        self._began = time.monotonic_ns()

    def now(self) -> float:
        """Return the seconds since the check began, and note them."""
        moment = time.monotonic_ns() - self._began
        self._note(self.moments, moment)
        return moment / 1e9

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    @property
    def seconds(self) -> float:
        """How long the check has been running."""
        return (time.monotonic_ns() - self._began) / 1e9

    def draw_name(self) -> str:
        """Draw a random name for a probe, and note it."""
        name = probes.random_name()
        self._note(self.names, name)
        return name

    def observe(self, what: str, look: Callable[[], Any]) -> Any:
        """Return what `look` measures, a JSON value, and note it under the name `what`."""
        at = self.seconds
        try:
            value = look()
        except GradingError as error:
            self._note(self.observations, Observation(at, what, error=_of(error)))
            raise
        self._note(self.observations, Observation(at, what, self._keep(_json(value))))
        return value

    def request(self, request: Request, ask: Callable[[], Fetched]) -> Fetched:
        """Return what `ask` answers, and note it with the request."""
        try:
            answer = ask()
        except GradingError as error:
            self._note(self.requests, request._replace(at=self.seconds, error=_of(error)))
            raise
        headers = dict(answer.headers) if request.raw else None
        said = Spoken(answer.status, self._keep(answer.content), headers)
        self._note(self.requests, request._replace(at=self.seconds, answer=said))
        return answer

    def keep_body(self, body: Mapping[str, Any] | None) -> str:
        """Keep the body of a request and return its digest; empty where there is none."""
        return "" if body is None else self._keep(_json(body))

    def read_log(self, step: LogStep, read: Callable[[], Any]) -> Any:
        """Return what `read` finds in the audit log, and note it."""
        try:
            found = read()
        except GradingError as error:
            self._note(self.log, step._replace(at=self.seconds, error=_of(error)))
            raise
        self._note(self.log, step._replace(at=self.seconds, found=found))
        return found

    def find_kind(self, key: str, find: Callable[[], ResourceType | None]) -> ResourceType | None:
        """Return the kind that `find` finds, and note what came of it."""
        answers = self.kinds_asked.setdefault(key, [])
        try:
            found = find()
        except GradingError as error:
            self._note(answers, _of(error))
            raise
        self._note(answers, found is not None)
        return found

    def _note(self, steps: list[Any], step: Any) -> None:
        if len(steps) < STEPS_KEPT:
            steps.append(step)
        else:
            self.beyond += 1

    def _keep(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self.contents and self._bytes + len(content) <= RAW_BYTES:
            self._bytes += len(content)
            self.contents[digest] = content
        return digest


class RecordedApiServer(ApiServer):
    """An API server whose exchanges are noted."""

    def __init__(
        self,
        recording: Recording,
        kubeconfig: Kubeconfig,
        connections: urllib3.PoolManager | None = None,
    ) -> None:
        super().__init__(kubeconfig, connections)
        self._recording = recording

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
        request = Request(
            method, path, dict(query or {}), self._recording.keep_body(body), raw=limit is not None
        )
        send = super()._send
        return self._recording.request(
            request, lambda: send(method, path, query, headers=headers, body=body, limit=limit)
        )


class RecordedLog:
    """An audit log whose answers are noted."""

    def __init__(self, log: EventLog, recording: Recording) -> None:
        self._log = log
        self._recording = recording

    def events(self, query: AuditQuery) -> Iterator[AuditEvent]:
        """Yield the wanted events; raises like the log."""
        step = LogStep(query=query_key(query))
        yield from self._recording.read_log(step, lambda: list(self._log.events(query)))

    def begins_at(self) -> str:
        """Return when the log begins; raises like the log."""
        begins: str = self._recording.read_log(LogStep(), self._log.begins_at)
        return begins


class RecordedDiscovery(Discovery):
    """The kinds of a cluster; notes which ones it did not have. Its own requests are not noted."""

    def __init__(self, discovery: Discovery, api: ApiServer, recording: Recording) -> None:
        super().__init__()
        self._inner = discovery
        self._api = api
        self._recording = recording

    def find(
        self, api: ApiServer, word: str, api_version: str | None = None
    ) -> ResourceType | None:
        """Return the kind that `word` names; like any discovery."""
        return self._recording.find_kind(
            kind_key(word, api_version), lambda: self._inner.find(self._api, word, api_version)
        )


def query_key(query: AuditQuery) -> dict[str, Any]:
    """Return what a query of the audit log asks for, as JSON values."""
    asked = {name: getattr(query, name) for name in _ASKED}
    if query.verb is not None and not isinstance(query.verb, str):
        asked["verb"] = sorted(query.verb)
    return {name: value for name, value in asked.items() if value is not None}


def kind_key(word: str, api_version: str | None) -> str:
    """Return what tells one question for a kind from others."""
    return f"{api_version or ''} {word}".strip()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def _of(error: GradingError) -> Failure:
    if isinstance(error, Refusal):
        return "Refusal", f"{error.code} {error.message}"
    return type(error).__name__, str(error)
