"""Proctor: the one thing the site asks of it, with the learner's own token."""

from __future__ import annotations

import httpx

from clusters.errors import AssayError

_SECONDS = 60
"""Finishing deletes a cluster, which takes a moment."""


class ProctorRefused(AssayError):
    """The proctor could not be asked, or said no; the sentence says which."""


class Proctor:
    """Speaks HTTP with the proctor."""

    def __init__(self, url: str) -> None:
        self._url = url

    def finish(self, attempt: str, token: str) -> None:
        """Finish an attempt of whoever the token belongs to.

        Raises:
            ProctorRefused: it is not finished.
        """
        if not self._url:
            raise ProctorRefused("this site does not know its proctor (ASSAY_PROCTOR_URL)")
        try:
            reply = httpx.post(
                f"{self._url}/attempts/{attempt}/finish",
                headers={"Authorization": f"token {token}"},
                timeout=_SECONDS,
            )
        except httpx.HTTPError as error:
            raise ProctorRefused("the proctor does not answer; try again in a moment") from error
        if reply.is_error:
            raise ProctorRefused(_sentence(reply))


def _sentence(reply: httpx.Response) -> str:
    try:
        detail = reply.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = ""
    said = detail if isinstance(detail, str) and detail else f"it answered {reply.status_code}"
    return f"the proctor could not finish the attempt: {said}"
