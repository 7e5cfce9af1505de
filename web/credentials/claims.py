"""Claims: what a credential says, read for people; nothing here says that it is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from web.credentials.moments import parse_moment_or_none, timestamp
from web.credentials.token import identifier_of, text_of


@dataclass(frozen=True)
class LabClaim:
    """One lab that the credential gives as evidence."""

    title: str
    lab: str
    version: str
    attempt: str
    seed: int | None
    kubernetes: str
    provider: str
    assurance: str
    points: int | None
    tasks: tuple[str, ...]
    done_at: str
    reports: tuple[str, ...]
    """Links of the signed reports, each `sha256:` and 64 hexadecimal digits."""
    overrides: tuple[str, ...] = ()
    """Ids of tasks that count because an instructor decided so."""


@dataclass(frozen=True)
class Claims:
    """What a credential says."""

    id: str
    title: str
    name: str
    level: str
    path: str
    description: str
    criteria: str
    issuer: str
    """DID or address of the issuer."""
    issuer_name: str
    issuer_url: str
    subject: str
    issued_at: str
    expires_at: str
    """Empty when it does not expire."""
    assurance: str
    points: str
    labs: tuple[LabClaim, ...]
    alignment: tuple[dict[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def read_claims(payload: Mapping[str, Any]) -> Claims:
    """Read a credential of any issuer; what is missing or oddly shaped is left empty."""
    subject = node(payload.get("credentialSubject"))
    achievement = node(subject.get("achievement"))
    issuer = node(payload.get("issuer"))
    own = node(subject.get("assay"))
    result = node(_first(subject.get("result")))
    return Claims(
        id=text_of(payload.get("id")),
        title=text_of(achievement.get("name")) or text_of(payload.get("name")),
        name=text_of(own.get("name")) or text_of(achievement.get("name")),
        level=text_of(own.get("level")),
        path=text_of(own.get("path")),
        description=text_of(achievement.get("description")),
        criteria=text_of(node(achievement.get("criteria")).get("narrative")),
        issuer=identifier_of(payload.get("issuer")),
        issuer_name=text_of(issuer.get("name")),
        issuer_url=text_of(issuer.get("url")),
        subject=text_of(subject.get("id")),
        issued_at=_moment(payload.get("validFrom")),
        expires_at=_moment(payload.get("validUntil")),
        assurance=text_of(own.get("assurance")),
        points=text_of(result.get("value")),
        labs=tuple(_lab(node(entry)) for entry in nodes(payload.get("evidence"))),
        alignment=tuple(_alignment(node(e)) for e in nodes(achievement.get("alignment"))),
    )


def node(value: object) -> Mapping[str, Any]:
    """Return a JSON object, or the only one of a list; else an empty one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else {}


def nodes(value: object) -> list[Any]:
    """Return a list of JSON values; JSON-LD lets a single one stand for a list."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _lab(evidence: Mapping[str, Any]) -> LabClaim:
    own = node(evidence.get("assay"))
    return LabClaim(
        title=text_of(evidence.get("name")),
        lab=text_of(own.get("lab")),
        version=text_of(own.get("labVersion")),
        attempt=text_of(own.get("attempt")),
        seed=_number(own.get("seed")),
        kubernetes=text_of(own.get("kubernetes")),
        provider=text_of(own.get("provider")),
        assurance=text_of(own.get("assurance")),
        points=_number(own.get("points")),
        tasks=_texts(own.get("tasks")),
        done_at=_moment(own.get("doneAt")),
        reports=_texts(own.get("reports")),
        overrides=tuple(
            task
            for entry in nodes(own.get("overrides"))
            if (task := text_of(node(entry).get("task")))
        ),
    )


def _alignment(entry: Mapping[str, Any]) -> dict[str, str]:
    members = ("targetName", "targetUrl", "targetFramework", "targetCode")
    return {member: text_of(entry.get(member)) for member in members}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(text for text in nodes(value) if isinstance(text, str))


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _first(value: object) -> object:
    entries = nodes(value)
    return entries[0] if entries else None


def _moment(value: object) -> str:
    moment = parse_moment_or_none(value)
    return timestamp(moment) if moment else ""
