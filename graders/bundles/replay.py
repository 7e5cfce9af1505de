"""Replay: a recording that a check can look at as if it were the cluster.

The same question gets the recorded answers in their order, and the last one again and again: after
that, nothing more is known to have happened. Time passes as it was recorded, and without waiting.
So an unchanged check comes to the same verdict, and a changed one is told nothing but what was
true. What was never asked is refused with `NotRecorded`, which says what it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from graders import errors, probes
from graders.api import ApiServer, Fetched, Refusal, read_answer
from graders.audit import AuditEvent, AuditQuery
from graders.bundles.recording import kind_key, query_key
from graders.bundles.redacted import NotRecorded, marked
from graders.bundles.told import Kinds, Told
from graders.discovery import Discovery, ResourceType
from graders.errors import GradingError

_STILL = 0.005
"""Seconds that pass with a question after the end of what was recorded, so that loops end."""
_SLACK = 0.1
_SORTED = json.JSONEncoder(separators=(",", ":"), sort_keys=True, default=marked)


class Replay:
    """One recording, while a check looks at it; also the clock that the check lives by."""

    def __init__(self, recording: Mapping[str, Any], told: Told) -> None:
        """Replay a closed recording; `told` is what was said in its bundle."""
        self._told = told
        self._moments = [moment / 1e9 for moment in recording["moments"]]
        self._moment = 0
        self._time = 0.0
        self._end = float(recording["seconds"])
        self.began_at = datetime.fromisoformat(recording["began_at"])
        self._names = list(recording["names"])
        self._requests = _Answers(recording["requests"], self._request_key)
        self._log = _Answers(recording["log"], lambda step: _text(step["query"]))
        self._observations = _Answers(recording["observations"], lambda step: step["what"])
        self._kinds_asked = {k: list(answers) for k, answers in recording["kinds_asked"].items()}
        self._kinds: str | None = recording["kinds"]
        self.lacking: list[str] = []
        """What was asked for and is not in the evidence, a sentence each."""

    # The clock

    def now(self) -> float:
        """Return the recorded time; after its end, the time that would have passed."""
        if self._moment < len(self._moments):
            self._time = max(self._time, self._moments[self._moment])
            self._moment += 1
        return self._time

    def sleep(self, seconds: float) -> None:
        """Let time pass without waiting."""
        if self._moment >= len(self._moments):
            self._time += max(0.0, seconds)

    @property
    def time(self) -> float:
        """The time as of the last question."""
        return self._time

    def skip(self, seconds: float) -> None:
        """Let time pass for somebody who does not ask this clock."""
        self._time += max(0.0, seconds)

    # What the check is told

    def draw_name(self) -> str:
        """Return the next random name."""
        return self._names.pop(0) if self._names else probes.random_name()

    def observe(self, what: str, look: Callable[[], Any]) -> Any:
        """Return what was measured under the name `what`; `look` is not called."""
        step = self._next(self._observations, what, lambda: f"a measurement of {what}")
        return self.value(step["value"], f"the measurement of {what}")

    def request(
        self, method: str, path: str, query: Mapping[str, str], body: object, raw: bool
    ) -> dict[str, Any]:
        """Return the recorded step of a request."""
        key = _key(method, path, query, None if body is None else _text(body), raw)
        step = self._next(self._requests, key, lambda: f"an answer to {_say(method, path, query)}")
        self._time = max(self._time, step["at"])
        return step

    def look_into_log(self, query: dict[str, Any] | None) -> dict[str, Any]:
        """Return the recorded step of a look into the audit log."""
        key = _text(query)
        asked = "when it begins" if query is None else key
        return self._next(self._log, key, lambda: f"a look into the audit log for {asked}")

    def find_kind(self, key: str, find: Callable[[], ResourceType | None]) -> ResourceType | None:
        """Return the kind that was served when it was asked for."""
        if self._kinds is None:
            raise self.refusal("the kinds that the cluster served: they were too many to keep")
        answers = self._kinds_asked.get(key)
        answer = answers.pop(0) if answers else True
        if isinstance(answer, list):
            raise _error(*answer)
        return find() if answer else None

    def value(self, ref: str | None, what: str) -> Any:
        """Return a copy of something that was said.

        Raises:
            NotRecorded: there was no room for it.
        """
        if ref is None:
            raise self.refusal(f"{what}: it was too large to keep")
        return self._told.copy(ref)

    def event(self, ref: str | None) -> AuditEvent:
        """Return an event of the audit log; raises NotRecorded."""
        if ref is None:
            raise self.refusal("an event of the audit log: it was too large to keep")
        return self._told.event(ref)

    def kinds(self) -> Kinds:
        """Return the kinds that the cluster served, as far as that is known."""
        return Kinds(Discovery()) if self._kinds is None else self._told.kinds(self._kinds)

    def refusal(self, what: str) -> NotRecorded:
        """Note that something is lacking; return the error that says so."""
        sentence = f"The evidence does not hold {what}"
        self.lacking.append(sentence)
        return NotRecorded(sentence)

    def _next(self, answers: _Answers, key: str, what: Callable[[], str]) -> dict[str, Any]:
        if self._moment >= len(self._moments):
            self._time += _STILL if answers.are_used_up(key) else 0.0
        if self._time > self._end + _SLACK:
            raise self.refusal(
                f"what happened {self._time:.1f} s after the check began: it ends at "
                f"{self._end:.1f} s"
            )
        step = answers.next(key)
        if step is None:
            raise self.refusal(what())
        if "error" in step:
            raise _error(*step["error"])
        return step

    def _request_key(self, step: Mapping[str, Any]) -> str:
        body = None
        if "body" in step:
            if step["body"] is None:
                return ""  # it was too large to keep, so that nobody can ask for it
            body = _text(self._told.as_read(step["body"]))
        raw = bool(step.get("raw"))
        return _key(step["method"], _plain(step["path"]), step.get("query") or {}, body, raw)


class _Answers:
    """Recorded steps by what was asked; the last one of each is given again and again."""

    def __init__(
        self, steps: list[dict[str, Any]], key_of: Callable[[dict[str, Any]], str]
    ) -> None:
        self._steps: dict[str, list[dict[str, Any]]] = {}
        for step in steps:
            self._steps.setdefault(key_of(step), []).append(step)
        self._given: dict[str, int] = {}

    def are_used_up(self, key: str) -> bool:
        return self._given.get(key, 0) >= len(self._steps.get(key, ()))

    def next(self, key: str) -> dict[str, Any] | None:
        steps = self._steps.get(key)
        if not steps:
            return None
        number = self._given.get(key, 0)
        self._given[key] = number + 1
        return steps[min(number, len(steps) - 1)]


class ReplayedApiServer(ApiServer):
    """An API server that says what it said when the check was recorded."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def fetch(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Fetched:
        """Return what a path answered; raises like an ApiServer."""
        method = "GET" if body is None else "POST"
        step = self._replay.request(method, path, query or {}, body, raw=True)
        text = self._replay.value(step["answer"], f"what {path} answered")
        if not isinstance(text, str):
            raise self._replay.refusal(f"what {path} answered: it held a secret")
        return Fetched(step["status"], step["headers"] or {}, text.encode())

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        accept: str = "",
    ) -> dict[str, Any]:
        step = self._replay.request(method, path, query or {}, body, raw=False)
        what = f"what the API server said to {method} {path}"
        document = self._replay.value(step["answer"], what)
        if step["status"] >= 300 or not isinstance(document, dict):
            return read_answer(method, step["status"], _text(document).encode())
        if (items := step.get("items")) is not None:
            document["items"] = [self._replay.value(ref, what) for ref in items]
        return document


class ReplayedLog:
    """An audit log that says what it said when the check was recorded."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def events(self, query: AuditQuery) -> Iterator[AuditEvent]:
        """Yield the events that were found; raises like an AuditLog."""
        for ref in self._replay.look_into_log(query_key(query))["events"]:
            yield self._replay.event(ref)

    def begins_at(self) -> str:
        """Return when the log began; raises like an AuditLog."""
        return str(self._replay.look_into_log(None)["begins"])


class ReplayedDiscovery(Discovery):
    """The kinds that the cluster served when the check was recorded."""

    def __init__(self, replay: Replay) -> None:
        super().__init__()
        self._kinds = replay.kinds()
        self._types, self._foreign = self._kinds.known._types, self._kinds.known._foreign
        self._replay = replay

    def refresh(self, api: ApiServer) -> None:
        """Do nothing: there is nobody to ask."""

    def find(
        self, api: ApiServer, word: str, api_version: str | None = None
    ) -> ResourceType | None:
        """Return the kind that `word` names; like any discovery."""
        look = super().find

        def find() -> ResourceType | None:
            asked = (word, api_version)
            if asked not in self._kinds.found:
                self._kinds.found[asked] = look(api, word, api_version)
            return self._kinds.found[asked]

        return self._replay.find_kind(kind_key(word, api_version), find)


def _key(method: str, path: str, query: Mapping[str, str], body: str | None, raw: bool) -> str:
    asked = f" {_text(query)}" if query else ""
    return f"{'raw ' if raw else ''}{method} {path}{asked}\n{body or ''}"


def _text(value: object) -> str:
    return _SORTED.encode(value)


def _plain(path: object) -> str:
    return path if isinstance(path, str) else ""


def _say(method: str, path: str, query: Mapping[str, str]) -> str:
    asked = {k: v for k, v in query.items() if k not in ("limit", "fieldValidation")}
    return f"{method} {path}{f' with {_text(asked)}' if asked else ''}"


def _error(name: str, sentence: str) -> GradingError:
    if name == Refusal.__name__:
        code, _, message = sentence.partition(" ")
        return Refusal(int(code), message)
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, GradingError):
        return kind(sentence)
    return GradingError(sentence)
