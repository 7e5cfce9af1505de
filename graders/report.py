"""Report: what grading an attempt found. The only thing that reaches the site and the learner."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = "assay.dev/report/v1"


Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""A moment as stored: RFC 3339 with seconds, UTC, `Z`."""


class Outcome(StrEnum):
    """The answer of one check. Three outcomes, never two."""

    PASSED = "passed"
    """The task is done."""
    FAILED = "failed"
    """The learner has not done it (yet)."""
    ERROR = "error"
    """We could not look. It counts for nothing and costs nothing."""


class Trigger(StrEnum):
    """What made the platform grade."""

    ASKED = "asked"
    """The learner, or somebody for them."""
    LIVE = "live"
    """A change in the cluster of an open attempt."""
    REGRADE = "regrade"
    """An instructor, on stored evidence and without a cluster."""


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,  # a document always holds every key
    )


class CheckResult(_Model):
    """What one check found."""

    task: str
    """Id of the task."""
    outcome: Outcome
    """`passed`, `failed` (the learner has not done it yet) or `error` (we could not look)."""
    message: str
    """One sentence: for the learner, or about what kept us from looking."""
    expected: str = ""
    """What should be there."""
    found: str = ""
    """What is there instead."""
    hint: str = ""
    """Where to look; never the answer."""
    seconds: Annotated[float, Field(ge=0)] = 0.0
    """Wall time of the check."""
    evidence: tuple[dict[str, Any], ...] = ()
    """What was read: kind, namespace, name, uid and resourceVersion of objects; who did what and
    when, of audit events. Never the contents of an object."""


class Report(_Model):
    """What one grading of an attempt found."""

    schema_: Literal["assay.dev/report/v1"] = Field(default="assay.dev/report/v1", alias="schema")
    """Version of this format."""
    id: str
    """Unique; the verdicts of the ledger refer to it."""
    lab: str
    """Slug of the lab."""
    lab_version: str
    """Semantic version of the lab."""
    attempt: str
    """Id of the attempt."""
    learner: str
    """Name of the learner."""
    started_at: Moment
    """RFC 3339, UTC."""
    finished_at: Moment
    """RFC 3339, UTC."""
    results: tuple[CheckResult, ...]
    """One for every task that was asked for, in the order of the lab."""
    cluster_uid: str = ""
    """uid of the namespace kube-system: the identity of the cluster."""
    versions: dict[str, str] = Field(default_factory=dict)
    """`assay`, `kubernetes`, `provider`, `lab`, and the digests of the lab's folder and of the
    grader's code, `lab_digest` and `grader`."""
    trigger: Trigger = Trigger.ASKED
    """`asked`, `live` (something changed in the cluster) or `regrade` (on stored evidence)."""
    assurance: str = ""
    """What was known of the learner's surroundings: `practice`, `isolated` or `proctored`."""
    evidence: str = ""
    """`sha256:` and the digest of the evidence bundle; empty where nothing could be kept."""
    regrade_of: str = ""
    """Of a regrade: id of the report whose evidence was used."""
    reason: str = ""
    """Of a regrade: why, in the words of whoever asked for it."""

    def to_json(self) -> dict[str, Any]:
        """Return the document as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    def canonical(self) -> bytes:
        """Return the bytes that are hashed and signed: sorted keys, no spaces, UTF-8."""
        return json.dumps(
            self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()

    @property
    def passed(self) -> bool:
        """Whether every result passed; a report without results is no pass."""
        return bool(self.results) and all(r.outcome is Outcome.PASSED for r in self.results)


def report_json_schema() -> dict[str, Any]:
    """Return the published JSON Schema of a Report (draft 2020-12)."""
    schema = Report.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA, **schema}


if __name__ == "__main__":
    print(json.dumps(report_json_schema(), indent=2, ensure_ascii=False))
