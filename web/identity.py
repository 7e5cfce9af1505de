"""Identity: who a hub token belongs to, and the hub's half of a sign-in (OAuth 2 with PKCE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from jupyterhub.services.auth import HubOAuth
from tornado.web import HTTPError

from clusters.errors import AssayError
from graders.scopes import Scope
from web.settings import Settings


class HubSilent(AssayError):
    """The hub does not answer, so nobody can be told apart from anybody."""


class SignInRefused(AssayError):
    """The hub did not accept the end of a sign-in."""


@dataclass(frozen=True)
class Person:
    """Somebody the hub knows."""

    name: str
    learner: bool
    """May work on labs."""
    instructor: bool
    """May see and judge the work of all."""
    certifier: bool = False
    """May read and verify what was signed."""

    @property
    def staff(self) -> bool:
        """Whether they may read the work of all."""
        return self.instructor or self.certifier


class LoginStart(NamedTuple):
    """Where a sign-in begins, and what must be kept until it ends."""

    address: str
    verifier: str
    """PKCE: proves at the end that the same site began."""


class HubIdentity:
    """Asks the hub who somebody is. Safe from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._access_scopes = set(settings.access_scopes)
        self._hub = HubOAuth(
            api_url=settings.api_url,
            api_token=settings.api_token,
            oauth_client_id=settings.client_id,
            base_url=f"{settings.prefix}/",
            hub_prefix=settings.hub_url,
            access_scopes=self._access_scopes,
            cache_max_age=settings.cache_seconds,
        )

    def close(self) -> None:
        """End the thread that talks to the hub; its owner has no method for that."""
        self._hub._pool.submit(self._hub._thread_loop.close).result()
        self._hub._pool.shutdown()

    def begin(self, state: str) -> LoginStart:
        """Return where to send a browser, once `state` is stored in it."""
        verifier, challenge, method = self._hub.generate_pkce_code_challenge()
        query = {"state": state, "code_challenge": challenge, "code_challenge_method": method}
        return LoginStart(f"{self._hub.login_url}&{urlencode(query)}", verifier)

    def end(self, code: str, verifier: str) -> str:
        """Exchange the hub's code for a token.

        Raises:
            SignInRefused: the code is wrong, was used before, or belongs to another sign-in.
        """
        try:
            return str(self._hub.token_for_code(code, code_verifier=verifier))
        except HTTPError as error:
            raise SignInRefused("the hub did not accept this sign-in; start again") from error

    def person(self, token: str) -> Person | None:
        """Return whose token this is, None when the hub does not know it or it does not let in.

        Answers are believed for `Settings.cache_seconds`.

        Raises:
            HubSilent: the hub cannot be asked.
        """
        try:
            user: dict[str, Any] | None = self._hub.user_for_token(token)
        except HTTPError as error:
            raise HubSilent("the hub does not answer; try again in a moment") from error
        if not user or user.get("kind", "user") != "user":
            return None
        if not self._hub.check_scopes(self._access_scopes, user):
            return None
        return Person(
            name=user["name"],
            learner=bool(self._hub.check_scopes({Scope.LEARN}, user)),
            instructor=bool(self._hub.check_scopes({Scope.AUTHOR}, user)),
            certifier=bool(self._hub.check_scopes({Scope.CERTIFY}, user)),
        )
