"""Proctor: what the site asks of it, always with the token of the person who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from clusters.errors import AssayError

_SECONDS = 60
"""Finishing deletes a cluster, which takes a moment."""


class Ticket(NamedTuple):
    """Lets a browser follow one attempt for a moment."""

    value: str
    seconds: int


class ProctorRefused(AssayError):
    """The proctor could not be asked, or said no; the sentence says which."""


class Proctor:
    """Speaks HTTP with the proctor, which alone changes what the ledger says."""

    def __init__(self, url: str) -> None:
        self._url = url

    def finish(self, attempt: str, token: str) -> None:
        """Finish an attempt of whoever the token belongs to.

        Raises:
            ProctorRefused: it is not finished.
        """
        self._post(token, "finish the attempt", f"attempts/{attempt}/finish")

    def extend(self, attempt: str, token: str) -> None:
        """Give an attempt of whoever the token belongs to more time.

        Raises:
            ProctorRefused: it was extended as often as one may, or has ended.
        """
        self._post(token, "give more time", f"attempts/{attempt}/extend")

    def checkpoints(self, attempt: str, token: str) -> list[dict[str, Any]]:
        """Return where the cluster of an attempt can be taken back to.

        Raises:
            ProctorRefused: it cannot be taken back, or is not open.
        """
        what = "say where your cluster can go back to"
        reply = self._ask("GET", token, what, f"attempts/{attempt}/checkpoints")
        documents: list[dict[str, Any]] = reply.json()
        return documents

    def reset(self, attempt: str, to: str, token: str) -> None:
        """Take the cluster of an attempt back; to its start where `to` names no task.

        Raises:
            ProctorRefused: it was not taken back.
        """
        self._post(token, "take your cluster back", f"attempts/{attempt}/reset", {"to": to or None})

    def clusters(self, token: str) -> dict[str, Any]:
        """Return who has which cluster, and what waits ready; for instructors.

        Raises:
            ProctorRefused: it does not tell.
        """
        document: dict[str, Any] = self._ask("GET", token, "show the clusters", "clusters").json()
        return document

    def appeal(self, attempt: str, task: str, text: str, token: str) -> None:
        """Object to the verdict on a task of one's own attempt.

        Raises:
            ProctorRefused: it is not recorded.
        """
        body = {"task": task, "text": text}
        self._post(token, "take the appeal", f"attempts/{attempt}/appeals", body)

    def answer(self, appeal: str, *, accepted: bool, text: str, token: str) -> None:
        """Answer an appeal as an instructor.

        Raises:
            ProctorRefused: it is not recorded.
        """
        body = {"accepted": accepted, "text": text}
        self._post(token, "record the answer", f"appeals/{appeal}/answer", body)

    def override(self, attempt: str, task: str, effect: str, reason: str, token: str) -> None:
        """Settle a task by hand as an instructor.

        Raises:
            ProctorRefused: it is not recorded.
        """
        body = {"task": task, "effect": effect, "reason": reason}
        self._post(token, "record the override", f"attempts/{attempt}/overrides", body)

    def ticket(self, attempt: str, token: str) -> Ticket:
        """Return a ticket that lets a browser follow an attempt of whoever the token belongs to.

        Raises:
            ProctorRefused: there is none.
        """
        reply = self._post(token, "let the page follow", f"attempts/{attempt}/tickets")
        try:
            document = reply.json()
            return Ticket(str(document["ticket"]), int(document["seconds"]))
        except (ValueError, LookupError, TypeError) as error:
            raise ProctorRefused("the proctor gave no ticket") from error

    def _post(
        self, token: str, what: str, path: str, body: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        return self._ask("POST", token, what, path, body)

    def _ask(
        self,
        method: str,
        token: str,
        what: str,
        path: str,
        body: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        if not self._url:
            raise ProctorRefused("this site does not know its proctor (ASSAY_PROCTOR_URL)")
        try:
            reply = httpx.request(
                method,
                f"{self._url}/{quote(path)}",
                json=body,
                headers={"Authorization": f"token {token}"},
                timeout=_SECONDS,
            )
        except httpx.HTTPError as error:
            raise ProctorRefused("the proctor does not answer; try again in a moment") from error
        if reply.is_error:
            raise ProctorRefused(f"the proctor could not {what}: {_sentence(reply)}")
        return reply


def _sentence(reply: httpx.Response) -> str:
    try:
        detail = reply.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = ""
    said = isinstance(detail, str) and detail
    return said or f"it answered {reply.status_code}"
