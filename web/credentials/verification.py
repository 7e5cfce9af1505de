"""Verification: a badge, somebody to trust and a clock give a verdict. Nothing is read or sent.

The order matters: until a trusted key has signed exactly these bytes, nothing in them counts but
the names of issuer and key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from web.credentials.claims import node, nodes, read_claims
from web.credentials.document import OB_CONTEXT, hash_identity
from web.credentials.moments import parse_moment_or_none
from web.credentials.revocation import Desk, StatusLists
from web.credentials.status import VC_CONTEXT
from web.credentials.token import Token, identifier_of, text_of
from web.credentials.trust import Trust, authenticate
from web.credentials.verdict import Fault, Problem, Refused, Status, Verdict

CLOCK_SKEW = timedelta(seconds=60)
"""How far two clocks may differ."""
_OB_CONTEXT_STEM = OB_CONTEXT.rpartition("-")[0]
_KINDS = {"OpenBadgeCredential", "AchievementCredential"}
"""Two names of one class."""


def verify_badge(
    token: Token,
    trust: Trust,
    status_lists: StatusLists | None,
    now: datetime,
    learner: str | None = None,
) -> Verdict:
    """Say whether a badge is valid, and every reason why not.

    Args:
        token: the badge.
        trust: whose keys count.
        status_lists: where revocations are looked up; None does not look (`Status.UNCHECKED`).
        now: the time of the verifier.
        learner: whose it should be, by the name at the hub; None does not ask.
    """
    claims = read_claims(token.payload)
    try:
        authenticate(token, trust)
    except Refused as refusal:
        problem = Problem(refusal.fault, refusal.message)
        return Verdict(claims, (problem,), Status.UNCHECKED)
    status, listed = Status.UNCHECKED, list[Problem]()
    if status_lists is not None:
        status, listed = Desk(trust, status_lists, now, CLOCK_SKEW).problems(token)
    elif not nodes(token.payload.get("credentialStatus")):
        status = Status.NONE
    problems = [
        *map(_unsound, _contradictions(token.payload)),
        *_window_problems(token.payload, now),
        *listed,
        *_subject_problems(token.payload, learner),
    ]
    return Verdict(claims, tuple(problems), status)


def _contradictions(payload: Mapping[str, Any]) -> Iterator[str]:
    """Yield where a payload is no Open Badges 3.0 credential, or contradicts itself."""
    contexts = [text_of(entry) for entry in nodes(payload.get("@context"))]
    if contexts[:1] != [VC_CONTEXT] or not "".join(contexts[1:2]).startswith(_OB_CONTEXT_STEM):
        yield "its @context does not begin with those of the standard"
    types = {text_of(entry) for entry in nodes(payload.get("type"))}
    if "VerifiableCredential" not in types or not types & _KINDS:
        yield "its type is not OpenBadgeCredential"
    if "vc" in payload:
        yield "it carries a second credential under `vc`"
    if not payload.get("iss") or payload["iss"] != identifier_of(payload.get("issuer")):
        yield "iss and issuer differ"
    if not payload.get("jti") or payload["jti"] != payload.get("id"):
        yield "jti and id differ"
    if payload.get("sub", "") != identifier_of(payload.get("credentialSubject")):
        yield "sub and credentialSubject.id differ"
    if payload.get("nbf") is None:
        yield "it does not say since when it is valid"
    for claim, member in (("nbf", "validFrom"), ("exp", "validUntil")):
        if not _same_second(payload.get(claim), payload.get(member)):
            yield f"{claim} and {member} differ"


def _window_problems(payload: Mapping[str, Any], now: datetime) -> Iterator[Problem]:
    begin = parse_moment_or_none(payload.get("validFrom"))
    end = parse_moment_or_none(payload.get("validUntil"))
    if begin and begin > now + CLOCK_SKEW:
        yield Problem(Fault.NOT_YET_VALID, f"It is valid only from {begin:%Y-%m-%d %H:%M} UTC")
    if end and end <= now - CLOCK_SKEW:
        yield Problem(Fault.EXPIRED, f"It expired on {end:%Y-%m-%d}")


def _subject_problems(payload: Mapping[str, Any], learner: str | None) -> Iterator[Problem]:
    if learner is None:
        return
    subject = node(payload.get("credentialSubject"))
    identities = [node(entry) for entry in nodes(subject.get("identifier"))]
    named = any(_names(identity, learner) for identity in identities)
    if not named and subject.get("id") not in (learner, f"mailto:{learner}"):
        yield Problem(Fault.SUBJECT, f"It belongs to somebody else than {learner}")


def _names(identity: Mapping[str, Any], learner: str) -> bool:
    told = text_of(identity.get("identityHash"))
    if identity.get("hashed") is not True:
        return told == learner
    return told.lower() == hash_identity(learner, text_of(identity.get("salt")))


def _same_second(claim: object, member: object) -> bool:
    """Return whether a NumericDate and an RFC 3339 text are the same second, or both missing."""
    if claim is None or member is None:
        return claim is member
    moment = parse_moment_or_none(member)
    if not isinstance(claim, int | float) or moment is None:
        return False
    return abs(moment.timestamp() - claim) < 1


def _unsound(how: str) -> Problem:
    return Problem(Fault.CLAIMS, f"It is not a sound Open Badges 3.0 credential: {how}")
