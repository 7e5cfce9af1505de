"""Verdict: whether a badge is valid, and every reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from web.credentials.claims import Claims


class Fault(StrEnum):
    """Why a badge is not valid; stable, for programs."""

    ALGORITHM = "algorithm"
    """It names another algorithm than EdDSA, for example none."""
    ISSUER = "issuer"
    """Its issuer is not the one it is verified against, or is not well named."""
    ISSUER_UNAVAILABLE = "issuer-unavailable"
    """The issuer's keys could not be had."""
    UNKNOWN_KEY = "unknown-key"
    """It was signed with a key that is not the issuer's."""
    SIGNATURE = "signature"
    """It was changed after it was signed, or its signature was made up."""
    CLAIMS = "claims"
    """It is signed, but is not an Open Badges 3.0 credential that agrees with itself."""
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    STATUS_UNAVAILABLE = "status-unavailable"
    """Whether it was revoked could not be learned."""
    STATUS_STALE = "status-stale"
    """The list of revocations is old, so that a revocation may be missing in it."""
    STATUS_INVALID = "status-invalid"
    """The list of revocations is not the issuer's, or not a list."""
    SUBJECT = "subject"
    """It belongs to somebody else than was asked for."""


class Status(StrEnum):
    """What is known about a revocation."""

    GOOD = "good"
    """The issuer's current list says that it is not revoked."""
    REVOKED = "revoked"
    UNCHECKED = "unchecked"
    """Nobody looked: offline, or the list could not be believed."""
    NONE = "none"
    """The badge cannot be revoked; it names no list."""


class Refused(Exception):
    """A badge, a key or a list cannot be believed; raised inside, returned as a `Problem`.

    Attributes:
        fault: why.
        message: one sentence for people.
    """

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message


@dataclass(frozen=True)
class Problem:
    """One reason why a badge is not valid."""

    fault: Fault
    message: str
    """One sentence for people."""


@dataclass(frozen=True)
class Verdict:
    """What verifying a badge found."""

    claims: Claims
    """What it says; to be believed only when `valid`."""
    problems: tuple[Problem, ...]
    """Every reason why it is not valid; none when it is."""
    status: Status

    @property
    def valid(self) -> bool:
        """Whether it is the issuer's, unchanged, current and not known to be revoked."""
        return not self.problems

    @property
    def faults(self) -> frozenset[Fault]:
        """The reasons, for programs."""
        return frozenset(problem.fault for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "valid": self.valid,
            "problems": [{"fault": p.fault.value, "message": p.message} for p in self.problems],
            "status": self.status.value,
            "badge": self.claims.to_json(),
        }
