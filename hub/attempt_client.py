"""Attempt client: a notebook's own attempt at the proctor, over HTTP with the notebook's token."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

from clusters.errors import AssayError

AWAY = "the grader does not answer right now; nothing was counted; try again in a few seconds"
RESTARTED = "the grader restarted; nothing was counted; run %check again"
NOT_HERE = (
    "this works in the notebook of a lab: start the lab from its page, then open its notebook"
)
RESTART_PATIENCE = 30.0
"""Seconds a grader that went away in the middle of a check has to come back."""
_TIMEOUT = httpx.Timeout(10.0, read=600.0)
_GATEWAY = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


class ProctorSaid(AssayError):
    """The proctor refused or was not there; the sentence is for the learner."""


class ConnectionLost(ProctorSaid):
    """The proctor went away in the middle of a check."""


@dataclass(frozen=True)
class AttemptClient:
    """One attempt, as its learner reaches it."""

    url: str
    """The attempt at the proctor."""
    site: str
    """The site, with a slash at the end."""
    lab: str
    token: str = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> AttemptClient:
        """Make the client of this notebook.

        Raises:
            ProctorSaid: this is not the notebook of a lab.
        """
        names = ("ASSAY_PROCTOR_URL", "ASSAY_ATTEMPT", "JUPYTERHUB_API_TOKEN")
        if not all(environment.get(name) for name in names):
            raise ProctorSaid(NOT_HERE)
        proctor, attempt, token = (environment[name] for name in names)
        return cls(
            url=f"{proctor}/attempts/{attempt}",
            site=environment.get("ASSAY_SITE_URL", "/services/web/"),
            lab=environment.get("ASSAY_LAB", ""),
            token=token,
        )

    @property
    def lab_page(self) -> str:
        """Address of the lab's page."""
        return f"{self.site}labs/{self.lab}"

    def attempt(self) -> dict[str, Any]:
        """Return the attempt with the state of its tasks.

        Raises:
            ProctorSaid: it cannot be read.
        """
        return dict(self._request("GET", self.url))

    def finish(self) -> dict[str, Any]:
        """End the attempt.

        Raises:
            ProctorSaid: it cannot be ended.
        """
        return dict(self._request("POST", f"{self.url}/finish"))

    def check(self, tasks: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Check tasks, all of them when none is named; yield `result` lines, then the `report`.

        Raises:
            ConnectionLost: the proctor went away before the report.
            ProctorSaid: the check was refused, or nothing could be counted.
        """
        body = {"tasks": list(tasks) or None}
        headers = {**self._headers(), "Accept": "application/x-ndjson"}
        try:
            with httpx.stream(
                "POST",
                f"{self.url}/checks",
                json=body,
                headers=headers,
                timeout=_TIMEOUT,
                trust_env=False,
            ) as answer:
                self._require_ok(answer)
                yield from _lines(answer)
        except httpx.ConnectError as error:
            raise ProctorSaid(AWAY) from error
        except httpx.TransportError as error:
            raise ConnectionLost(RESTARTED) from error

    def wait_for_return(self) -> dict[str, Any]:
        """Return the attempt as soon as the proctor is back.

        Raises:
            ProctorSaid: it did not come back in time.
        """
        deadline = time.monotonic() + RESTART_PATIENCE
        while True:
            try:
                return self.attempt()
            except ProctorSaid:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.5)

    def _request(self, method: str, url: str) -> Any:
        try:
            answer = httpx.request(
                method, url, headers=self._headers(), timeout=_TIMEOUT, trust_env=False
            )
        except httpx.TransportError as error:
            raise ProctorSaid(AWAY) from error
        self._require_ok(answer)
        return answer.json()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    def _require_ok(self, answer: httpx.Response) -> None:
        if answer.status_code == HTTPStatus.OK:
            return
        answer.read()
        raise ProctorSaid(self._sentence(answer))

    def _sentence(self, answer: httpx.Response) -> str:
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return (
                "this notebook's sign-in is over; stop its server and start it again: "
                f"{self.lab_page}"
            )
        try:
            return str(answer.json()["detail"])
        except (ValueError, KeyError, TypeError):
            pass
        if answer.status_code in _GATEWAY:  # the proxy answered in the proctor's place
            return AWAY
        return f"the grader answered {answer.status_code}; nothing was counted"


def _lines(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    ended = False
    for text in answer.iter_lines():
        line = json.loads(text)
        if "error" in line:
            raise ProctorSaid(line["error"])
        ended = "report" in line
        yield line
    if not ended:
        raise ConnectionLost(RESTARTED)
