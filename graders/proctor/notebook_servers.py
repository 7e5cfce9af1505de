"""Notebook servers at the hub: one whose attempt has ended is stopped."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from http import HTTPStatus
from typing import Any

import httpx

from graders.proctor.queue import Seat


class NotebookServers:
    """Asks the hub for its running notebook servers, and stops some."""

    def __init__(self, api: httpx.AsyncClient, token: str) -> None:
        """Use a client whose base address is the hub's API, and the proctor's own token."""
        self._api = api
        self._headers = {"Authorization": f"token {token}"}

    async def stop_all_but(self, wanted: Collection[Seat]) -> list[Seat]:
        """Stop every notebook server whose learner has no live attempt at its lab.

        Returns:
            Those that were told to stop.

        Raises:
            httpx.HTTPError: the hub does not answer or refuses.
        """
        answer = await self._api.get("users?state=ready&limit=1000", headers=self._headers)
        answer.raise_for_status()
        ended = [seat for seat in _ready(answer.json()) if seat not in wanted]
        for seat in ended:
            gone = await self._api.delete(
                f"users/{seat.learner}/servers/{seat.lab}", headers=self._headers
            )
            if gone.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST):
                gone.raise_for_status()
        return ended


def _ready(users: Iterable[dict[str, Any]]) -> list[Seat]:
    return [
        Seat(user["name"], name)
        for user in users
        for name, server in (user.get("servers") or {}).items()
        if name and server.get("ready") and not server.get("pending")
    ]
