"""AccountAuthenticator: signs people in with the accounts of this installation."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from jupyterhub.auth import Authenticator
from tornado.web import HTTPError

from hub.accounts import Account, Accounts
from hub.rate_limit import RateLimit

_SIGNED_IN_WITH = "signed_in_with"
"""Key of the moment when the password was made that somebody signed in with."""


class AccountAuthenticator(Authenticator):
    """Knows who may sign in from `accounts.json`; the role of an account is its hub group."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._accounts = Accounts()
        self._limit = RateLimit()

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """Return who this is, None when name or password is wrong.

        Raises:
            HTTPError: 429, too many wrong passwords for this name.
        """
        name = data.get("username", "").strip().lower()
        if (seconds := self._limit.wait(name)) > 0:
            raise HTTPError(
                429, f"Too many wrong passwords. Try again in {math.ceil(seconds)} seconds."
            )
        self._limit.failed(name)  # before the answer is known: many tries at once count each
        account = await asyncio.to_thread(self._accounts.verify, name, data.get("password", ""))
        if account is None:
            return None
        self._limit.succeeded(name)
        return _model(account)

    async def refresh_user(self, user: Any, handler: Any = None) -> dict[str, Any] | bool:
        """Follow a changed role; sign out whoever has no account or another password by now."""
        account = await asyncio.to_thread(self._accounts.find, user.name)
        signed_in_with = (user.user_info or {}).get(_SIGNED_IN_WITH)
        if account is None or account.changed_at != signed_in_with:
            return False
        return _model(account)


def _model(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "groups": [account.role.value],
        "user_info": {_SIGNED_IN_WITH: account.changed_at},
    }
