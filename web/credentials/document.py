"""Credential: what a badge says, as an Open Badges 3.0 AchievementCredential (VC Data Model 2.0).

Everything an Open Badges reader needs stands in the members the standard defines. What only we
know (seed, versions, links of the reports) stands in the member `assay`, which the credential's
own context defines as plain JSON: no address of ours has to answer for the credential to be read.

The learner is named by a salted hash, so that whoever knows a name can check it, and nobody can
read one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from web.credentials.moments import timestamp
from web.credentials.status import VC_CONTEXT, status_entry

OB_CONTEXT = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
OB_EXTENSIONS = "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json"
ASSAY_TERM = "https://assay.dev/ns/credential/v1#assay"
"""Name of the member `assay`; a name, not an address."""
CONTEXTS: tuple[str | dict[str, Any], ...] = (
    VC_CONTEXT,
    OB_CONTEXT,
    OB_EXTENSIONS,
    {"assay": {"@id": ASSAY_TERM, "@type": "@json"}},
)
"""In this order: readers compare the first two by position."""
SCHEMA = (
    "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json"
)


@dataclass(frozen=True)
class Issuer:
    """Who vouches."""

    did: str
    name: str
    url: str


@dataclass(frozen=True)
class Alignment:
    """A public curriculum or requirement that the path's labs exercise."""

    name: str
    framework: str
    code: str
    url: str


@dataclass(frozen=True)
class Achievement:
    """What was achieved: a path."""

    url: str
    """Public page of the path; also its identity."""
    path: str
    """Id of the path."""
    name: str
    level: str
    description: str
    criteria: str
    image: str
    """Address of the picture without a credential in it."""
    points: int
    """All points of the path's labs together."""
    alignment: tuple[Alignment, ...] = ()

    @property
    def title(self) -> str:
        """Name and level together, for readers that know no levels."""
        return f"{self.name}, {self.level}" if self.level else self.name


@dataclass(frozen=True)
class Recipient:
    """Whose achievement it is, without the name."""

    identity_hash: str
    identity_type: str
    salt: str

    @classmethod
    def of(cls, learner: str, salt: str) -> Recipient:
        """Return the recipient for a learner's name at the hub.

        Args:
            learner: the name; nothing of it can be read in what is returned.
            salt: random text of at least 128 bits; without it common names could be looked up.
        """
        kind = "emailAddress" if "@" in learner else "userName"
        return cls(hash_identity(learner, salt), kind, salt)


class Settled(NamedTuple):
    """A task that an instructor settled by hand."""

    task: str
    link: str
    """SHA-256 link of the signed decision."""


@dataclass(frozen=True)
class GradedLab:
    """One lab of the path, as the ledger proves it."""

    slug: str
    title: str
    version: str
    attempt: str
    """Id of the attempt."""
    seed: int
    """What the parameters were drawn from."""
    kubernetes: str
    """Version of the API server."""
    provider: str
    """What made the cluster."""
    assurance: str
    points: int
    tasks: tuple[str, ...]
    """Ids of the tasks, all done."""
    done_at: str
    """When the last of them was done; RFC 3339, UTC."""
    reports: tuple[str, ...]
    """SHA-256 links of the signed reports in which the tasks passed, oldest first."""
    bundles: tuple[str, ...] = ()
    """Digests (`sha256:...`) of the evidence that these reports name."""
    overrides: tuple[Settled, ...] = ()
    """Tasks that count because an instructor decided so."""


@dataclass(frozen=True)
class Credential:
    """Everything a badge says."""

    url: str
    """Public page of the credential; also its identity."""
    subject: str
    """A URN of its own: two badges of one learner cannot be told to belong together."""
    issuer: Issuer
    achievement: Achievement
    recipient: Recipient
    labs: tuple[GradedLab, ...]
    assurance: str
    """The lowest of the labs'."""
    issued_at: datetime
    expires_at: datetime | None
    status_list: str
    """Address of the status list."""
    status_index: int

    def payload(self) -> dict[str, Any]:
        """Return the document with its registered claims, ready to be signed."""
        document = {
            "@context": list(CONTEXTS),
            "id": self.url,
            "type": ["VerifiableCredential", "OpenBadgeCredential"],
            "name": self.achievement.title,
            "description": self.achievement.description,
            "issuer": _profile(self.issuer),
            "validFrom": timestamp(self.issued_at),
            "awardedDate": timestamp(self.issued_at),
            "credentialSubject": _subject(self),
            "evidence": [_evidence(self, lab) for lab in self.labs],
            "credentialStatus": status_entry(self.status_list, self.status_index),
            "credentialSchema": [{"id": SCHEMA, "type": "1EdTechJsonSchemaValidator2019"}],
            "iss": self.issuer.did,
            "jti": self.url,
            "sub": self.subject,
            "nbf": int(self.issued_at.timestamp()),
        }
        if self.expires_at is not None:
            document["validUntil"] = timestamp(self.expires_at)
            document["exp"] = int(self.expires_at.timestamp())
        return document


def hash_identity(learner: str, salt: str) -> str:
    """Return an IdentityHash (Open Badges 3.0): the algorithm, `$`, hash of name and salt."""
    return "sha256$" + hashlib.sha256(f"{learner}{salt}".encode()).hexdigest()


def _profile(issuer: Issuer) -> dict[str, Any]:
    return {"id": issuer.did, "type": ["Profile"], "name": issuer.name, "url": issuer.url}


def _subject(credential: Credential) -> dict[str, Any]:
    recipient, achievement = credential.recipient, credential.achievement
    points = sum(lab.points for lab in credential.labs)
    return {
        "id": credential.subject,
        "type": ["AchievementSubject"],
        "identifier": [
            {
                "type": "IdentityObject",
                "hashed": True,
                "identityHash": recipient.identity_hash,
                "identityType": recipient.identity_type,
                "salt": recipient.salt,
            }
        ],
        "achievement": _achievement(achievement),
        "result": [
            {
                "type": ["Result"],
                "resultDescription": _points_id(achievement),
                "value": str(points),
            }
        ],
        "assay": {
            "path": achievement.path,
            "name": achievement.name,
            "level": achievement.level,
            "assurance": credential.assurance,
        },
    }


def _achievement(achievement: Achievement) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": achievement.url,
        "type": ["Achievement"],
        "achievementType": "Badge",
        "name": achievement.title,
        "description": achievement.description,
        "criteria": {"id": achievement.url, "narrative": achievement.criteria},
        "image": {"id": achievement.image, "type": "Image", "caption": achievement.title},
        "resultDescription": [
            {
                "id": _points_id(achievement),
                "type": ["ResultDescription"],
                "name": "Points",
                "resultType": "RawScore",
                "valueMin": "0",
                "valueMax": str(achievement.points),
                "requiredValue": str(achievement.points),
            }
        ],
    }
    if achievement.alignment:
        document["alignment"] = [_alignment(alignment) for alignment in achievement.alignment]
    return document


def _alignment(alignment: Alignment) -> dict[str, Any]:
    return {
        "type": ["Alignment"],
        "targetName": alignment.name,
        "targetUrl": alignment.url,
        "targetFramework": alignment.framework,
        "targetCode": alignment.code,
    }


def _evidence(credential: Credential, lab: GradedLab) -> dict[str, Any]:
    return {
        "id": f"{credential.url}#{lab.slug}",
        "type": ["Evidence"],
        "name": lab.title,
        "genre": "Lab graded on a live cluster",
        "description": f"All {len(lab.tasks)} tasks done, {lab.points} points.",
        "narrative": _narrative(lab),
        "assay": {
            "lab": lab.slug,
            "labVersion": lab.version,
            "attempt": lab.attempt,
            "seed": lab.seed,
            "kubernetes": lab.kubernetes,
            "provider": lab.provider,
            "assurance": lab.assurance,
            "points": lab.points,
            "tasks": list(lab.tasks),
            "doneAt": lab.done_at,
            "reports": [f"sha256:{link}" for link in lab.reports],
            "evidence": list(lab.bundles),
            "overrides": [
                {"task": settled.task, "decision": f"sha256:{settled.link}"}
                for settled in lab.overrides
            ],
        },
    }


def _narrative(lab: GradedLab) -> str:
    cluster = f"from outside the learner's own Kubernetes {lab.kubernetes} cluster ({lab.provider})"
    links = "the signed reports are named by their SHA-256 links."
    if not lab.overrides:
        return f"Every task was verified {cluster}; {links}"
    by_hand = ", ".join(settled.task for settled in lab.overrides)
    return (
        f"Tasks were verified {cluster}, but for those that an instructor decided by hand "
        f"({by_hand}); {links}"
    )


def _points_id(achievement: Achievement) -> str:
    return f"{achievement.url}#points"
