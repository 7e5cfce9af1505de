"""Verifying at the issuer: our own badges, with our own key and table, without the network."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from web.award_store import AwardStore
from web.credentials import Fault, PinnedKey, Refused, Token, Verdict, verify_badge
from web.issuer import LocalIssuer

_LIST_URL = re.compile(r"/status/(\d{1,6})$")


def is_ours(token: Token, issuer: LocalIssuer) -> bool:
    """Return whether a badge says that this installation's key signed it."""
    return (token.kid or "").rpartition("#")[2] == issuer.key.name


def verify_here(
    token: Token,
    issuer: LocalIssuer,
    store: AwardStore,
    now: datetime,
    learner: str | None = None,
) -> Verdict:
    """Verify a badge as its issuer.

    Args:
        token: the badge.
        issuer: this installation.
        store: its awards, which know what was revoked.
        now: the current time.
        learner: whose it should be; None does not ask.
    """
    lists = own_lists(token, issuer, store, now)
    return verify_badge(token, PinnedKey(issuer.key.public), lists, now, learner)


def own_lists(
    token: Token, issuer: LocalIssuer, store: AwardStore, now: datetime
) -> Callable[[str], str]:
    """Return our status lists as of now, for a badge of ours.

    A badge from before the installation moved names its list by the old address; the list is
    still this one.
    """

    def fetch(url: str) -> str:
        found = _LIST_URL.search(url)
        if found is None:
            raise Refused(Fault.STATUS_UNAVAILABLE, "Its list of revocations is not kept here")
        return issuer.signed_list(url, store.revoked(int(found[1])), now, token.issuer)

    return fetch
