"""Remote: the proctor as a notebook sees it, over HTTP with the learner's own token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx

from clusters.errors import EXIT_USAGE, AssayError, ClusterError
from graders.report import CheckResult, Report

OnResult = Callable[[CheckResult], None]

_SECONDS = httpx.Timeout(10.0, read=120.0)
_SILENCE = httpx.Timeout(10.0, read=12.0)
"""The proctor gives a sign of life every 2 s while it checks. The hub's proxy does not say that a
server behind it died in the middle of an answer, so silence must."""
_QUIET = httpx.Timeout(10.0, read=40.0)
"""While an attempt is followed, there is a sign of life every 15 s."""
_GRADING = httpx.Timeout(10.0, read=300.0)
"""Formative cells may wait for those of others."""
_AWAY = "the proctor does not answer; nothing was counted, your work is safe: try again in a moment"
_VARIABLES = ("ASSAY_PROCTOR_URL", "ASSAY_ATTEMPT", "JUPYTERHUB_API_TOKEN")


class RequestRefused(AssayError):
    """The proctor refused a request; the sentence is its own."""

    exit_code = EXIT_USAGE


class ProctorUnreachable(ClusterError):
    """The proctor does not answer, or answers that it could not."""


class ConnectionLost(ProctorUnreachable):
    """The proctor went away in the middle of an answer; it may have counted, or not."""


class Event(NamedTuple):
    """Something that happened to an attempt."""

    id: str
    """Names its place, for whoever follows on from there."""
    kind: str
    """`result`, `report` or `attempt`."""
    data: dict[str, Any]


class RemoteAttempt:
    """The attempt of a notebook, checked by the proctor."""

    def __init__(self, url: str, attempt: str, token: str) -> None:
        """Talk to the proctor at `url` about one attempt.

        Args:
            url: base address of the proctor.
            attempt: id of the attempt.
            token: the learner's token of the hub.
        """
        self.id = attempt
        self._url = url.rstrip("/")
        self._headers = {
            "Authorization": f"token {token}",
            "Accept": "application/x-ndjson, application/json",
        }

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> RemoteAttempt | None:
        """Return the attempt of the notebook that this process was started in; None outside."""
        values = [environment.get(name) for name in _VARIABLES]
        url, attempt, token = values
        return cls(url, attempt, token) if url and attempt and token else None

    def show(self) -> dict[str, Any]:
        """Return the attempt with its `tasks`.

        Raises:
            RequestRefused: it is not this learner's.
            ProctorUnreachable: the proctor does not answer.
        """
        return self._ask("GET", "")

    def check(self, tasks: Sequence[str] | None, on_result: OnResult) -> Report:
        """Have tasks checked, all of them when None.

        Args:
            tasks: ids of tasks.
            on_result: told each result as soon as it is known.

        Raises:
            RequestRefused: the attempt is not open, or not this learner's.
            ConnectionLost: the proctor went away; `show` tells whether it counted.
            ProctorUnreachable: the proctor does not answer; nothing was counted.
        """
        body = {"tasks": None if tasks is None else list(tasks)}
        with self._answer("POST", "/checks", body, _SILENCE) as answer:
            for text in answer.iter_lines():
                line = json.loads(text)
                if "result" in line:
                    on_result(CheckResult.model_validate(line["result"]))
                elif "report" in line:
                    return Report.model_validate(line["report"])
                elif "error" in line:
                    raise _refusal(int(line["status"]), str(line["error"]))
        raise ConnectionLost(_AWAY)

    def follow(self, after: str = "") -> Iterator[Event]:
        """Yield what happens to the attempt, as it happens; its verdicts are kept up to date.

        Ends when the attempt has ended and nothing follows.

        Args:
            after: id of the last event that is known; without one the attempt comes first.

        Raises:
            RequestRefused: it is not this learner's.
            ProctorUnreachable: the proctor does not answer, or went away; follow again.
        """
        with self._answer("GET", "/events", None, _QUIET, after) as answer:
            if answer.status_code == HTTPStatus.NO_CONTENT:
                return
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name:
                    fields[name] = value
                elif "event" in fields:
                    yield Event(fields.get("id", ""), fields["event"], json.loads(fields["data"]))
                    fields = {}
        raise ConnectionLost(_AWAY)

    def autograde(self, answers: Mapping[str, str]) -> dict[str, Any]:
        """Have formative cells graded, and return the FormativeReport.

        Args:
            answers: what the learner wrote, by the id of the cell.

        Raises:
            RequestRefused: the attempt is not open, or the lab has no such cells.
            ProctorUnreachable: the proctor does not answer, or could not grade.
        """
        body = {"answers": [{"cell": id, "source": text} for id, text in answers.items()]}
        with self._answer("POST", "/formative", body, _GRADING) as answer:
            document: dict[str, Any] = json.loads(answer.read())
            return document

    def appeal(self, task: str, text: str) -> dict[str, Any]:
        """Object to the verdict on a task, and return the appeal.

        Raises:
            RequestRefused: the lab has no such task, or an objection to it waits for an answer.
            ProctorUnreachable: the proctor does not answer.
        """
        return self._ask("POST", "/appeals", {"task": task, "text": text})

    def extend(self) -> dict[str, Any]:
        """Give the attempt more time and return it.

        Raises:
            RequestRefused: it is not open, or was extended as often as one may.
            ProctorUnreachable: the proctor does not answer.
        """
        return self._ask("POST", "/extend")

    def checkpoints(self) -> list[dict[str, Any]]:
        """Return where `reset` leads.

        Raises:
            RequestRefused: it is not open, or its cluster cannot be taken back.
            ProctorUnreachable: the proctor does not answer.
        """
        with self._answer("GET", "/checkpoints") as answer:
            documents: list[dict[str, Any]] = json.loads(answer.read())
            return documents

    def reset(self, to: str = "") -> dict[str, Any]:
        """Take the cluster back and return the checkpoint.

        Args:
            to: to before this task; to the start of the lab without one.

        Raises:
            RequestRefused: it is not open, or its cluster cannot be taken back.
            ProctorUnreachable: the proctor does not answer, or could not.
        """
        with self._answer("POST", "/reset", {"to": to or None}, _GRADING) as answer:
            document: dict[str, Any] = json.loads(answer.read())
            return document

    def finish(self) -> dict[str, Any]:
        """End the attempt and return it. Raises like `show`."""
        return self._ask("POST", "/finish")

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        with self._answer(method, path, body) as answer:
            document: dict[str, Any] = json.loads(answer.read())
            return document

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        timeout: httpx.Timeout = _SECONDS,
        after: str = "",
    ) -> Iterator[httpx.Response]:
        url = f"{self._url}/attempts/{self.id}{path}"
        try:
            with httpx.stream(
                method,
                url,
                headers={**self._headers, **({"Last-Event-ID": after} if after else {})},
                json=body,
                timeout=timeout,
                trust_env=False,  # the proctor is on this host; a proxy of the host is not for it
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal_in(answer)
                yield answer
        except (httpx.ConnectError, httpx.InvalidURL) as error:
            raise ProctorUnreachable(_AWAY) from error
        except httpx.HTTPError as error:
            raise ConnectionLost(_AWAY) from error


def _refusal_in(answer: httpx.Response) -> AssayError:
    try:
        return _refusal(answer.status_code, str(answer.json()["detail"]))
    except (ValueError, LookupError, TypeError):
        return ConnectionLost(_AWAY)  # the hub's proxy answered in the proctor's place


def _refusal(status: int, sentence: str) -> AssayError:
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return RequestRefused(sentence)
    return ProctorUnreachable(sentence)
