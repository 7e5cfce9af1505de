"""Revocation: what the issuer's status lists say about a credential that is signed.

A list counts only if the issuer of the credential signed it, for the address it was asked for, and
its time is not over: otherwise a list from before the revocation could be shown again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clusters.errors import InputInvalid
from web.credentials.claims import node, nodes
from web.credentials.moments import parse_moment_or_none
from web.credentials.status import ENTRY_TYPE, LIST_TYPE, read_bit
from web.credentials.token import Token, identifier_of, read_token, text_of
from web.credentials.trust import Trust, authenticate
from web.credentials.verdict import Fault, Problem, Refused, Status

StatusLists = Callable[[str], str]
"""Returns the signed status list at an address; raises `Refused`."""
_FATAL = {"revocation": "revoked", "suspension": "suspended"}
"""Purposes whose bit ends a credential; others only inform."""


@dataclass(frozen=True)
class Desk:
    """What looking up a revocation needs."""

    trust: Trust
    lists: StatusLists
    now: datetime
    skew: timedelta

    def problems(self, token: Token) -> tuple[Status, list[Problem]]:
        """Return what the lists say, and every reason why it does not let the badge pass."""
        entries = nodes(token.payload.get("credentialStatus"))
        problems = []
        for entry in map(node, entries):
            try:
                self._refuse_if_set(entry, token.issuer)
            except Refused as refusal:
                problems.append(Problem(refusal.fault, refusal.message))
        if any(problem.fault is Fault.REVOKED for problem in problems):
            return Status.REVOKED, problems
        if problems:
            return Status.UNCHECKED, problems
        return (Status.GOOD if entries else Status.NONE), []

    def _refuse_if_set(self, entry: Mapping[str, Any], issuer: str) -> None:
        url = text_of(entry.get("statusListCredential"))
        purpose = text_of(entry.get("statusPurpose"))
        index = text_of(entry.get("statusListIndex"))
        known = entry.get("type") == ENTRY_TYPE and entry.get("statusSize", 1) == 1
        if not (known and url and purpose and index.isascii() and index.isdigit()):
            raise Refused(Fault.STATUS_INVALID, "It does not say in a known way where it is listed")
        try:
            contents = self._contents(read_token(self.lists(url)), url, issuer)
            if purpose not in nodes(contents.get("statusPurpose")):
                raise ValueError("it is kept for something else")
            is_set = read_bit(text_of(contents.get("encodedList")), int(index))
        except (ValueError, InputInvalid) as error:
            raise Refused(
                Fault.STATUS_INVALID, f"The list of revocations does not count: {error}"
            ) from error
        if is_set and purpose in _FATAL:
            raise Refused(Fault.REVOKED, f"The issuer has {_FATAL[purpose]} it")

    def _contents(self, token: Token, url: str, issuer: str) -> Mapping[str, Any]:
        """Return the contents of a list that the issuer signed for this address and time."""
        payload = token.payload
        if payload.get("iss", issuer) != issuer or identifier_of(payload.get("issuer")) != issuer:
            raise ValueError("it is another issuer's")
        try:
            authenticate(token, self.trust)
        except Refused as refusal:
            raise ValueError("it is not signed by the issuer") from refusal
        if LIST_TYPE not in nodes(payload.get("type")):
            raise ValueError("it is another kind of credential")
        if payload.get("id") != url:
            raise ValueError("it belongs to another address")
        self._check_window(payload)
        return node(payload.get("credentialSubject"))

    def _check_window(self, payload: Mapping[str, Any]) -> None:
        begin = parse_moment_or_none(payload.get("validFrom"))
        end = parse_moment_or_none(payload.get("validUntil"))
        if end is None or end <= self.now - self.skew:
            since = f"ended at {end:%Y-%m-%d %H:%M} UTC" if end else "has no end"
            raise Refused(
                Fault.STATUS_STALE,
                f"The list of revocations {since}, so a newer revocation may be missing in it",
            )
        if begin is None or begin > self.now + self.skew:
            raise ValueError("it is from the future")
