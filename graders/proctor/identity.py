"""Identity: who calls the proctor. People by a token of the hub, the spawner by a secret."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from http import HTTPStatus

import httpx
from fastapi import Request

from graders.proctor.problems import Refused
from graders.scopes import Scope

BELIEVED = 20.0
"""Seconds for which an answer of the hub is believed: the delay of a revocation."""
_REMEMBERED = 10_000
_NOBODY = "send the header `Authorization: token <a token of the hub>`"
_UNKNOWN = (
    "the hub does not know this token, or it is over; sign in again, or restart the notebook server"
)


@dataclass(frozen=True)
class Caller:
    """Somebody the hub knows, and what their token allows."""

    name: str
    scopes: frozenset[Scope]

    @property
    def learner(self) -> bool:
        """Whether they may work on labs."""
        return Scope.LEARN in self.scopes

    @property
    def instructor(self) -> bool:
        """Whether they may see and judge the work of all."""
        return Scope.AUTHOR in self.scopes

    @property
    def certifier(self) -> bool:
        """Whether they may read and verify what was signed."""
        return Scope.CERTIFY in self.scopes

    @property
    def staff(self) -> bool:
        """Whether they may read the work of all."""
        return self.instructor or self.certifier


@dataclass(frozen=True)
class _Known:
    caller: Caller
    until: float


class HubIdentity:
    """Knows people by asking the hub, and the spawner by the shared secret."""

    def __init__(self, api: httpx.AsyncClient, spawner_secret: str) -> None:
        """Use a client whose base address is the hub's API."""
        self._api = api
        self._secret = spawner_secret.encode()
        self._known: dict[str, _Known] = {}

    async def caller(self, request: Request) -> Caller:
        """Return who calls.

        Raises:
            Refused: 401 without a good token, 403 when it has nothing to do with labs, 503 when
                the hub does not answer.
        """
        token = _credential(request, ("token", "bearer"))
        digest = hashlib.sha256(token.encode()).hexdigest()
        known = self._known.get(digest)
        if known is None or known.until < time.monotonic():
            self._known.pop(digest, None)
            known = _Known(await self._ask(token), time.monotonic() + BELIEVED)
            self._remember(digest, known)
        return known.caller

    def spawner(self, request: Request) -> None:
        """Let only the spawner through.

        Raises:
            Refused: 401, somebody else calls.
        """
        given = _credential(request, ("bearer",))
        if not hmac.compare_digest(given.encode(), self._secret):
            raise Refused(HTTPStatus.UNAUTHORIZED, "only the hub starts attempts")

    async def _ask(self, token: str) -> Caller:
        try:
            answer = await self._api.get("user", headers={"Authorization": f"token {token}"})
        except httpx.HTTPError as error:
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the hub does not answer, so nobody can be recognised; try again in a few seconds",
            ) from error
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the hub is not ready; try again")
        if answer.status_code != HTTPStatus.OK:
            raise Refused(HTTPStatus.UNAUTHORIZED, _UNKNOWN)
        owner = answer.json()
        scopes = frozenset(scope for scope in Scope if scope.value in owner.get("scopes", ()))
        if owner.get("kind") != "user" or not scopes:
            raise Refused(HTTPStatus.FORBIDDEN, "this token does not allow to work on labs")
        return Caller(str(owner["name"]), scopes)

    def _remember(self, digest: str, known: _Known) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[digest] = known


def _credential(request: Request, schemes: tuple[str, ...]) -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in schemes or not value.strip():
        raise Refused(HTTPStatus.UNAUTHORIZED, _NOBODY)
    return value.strip()
