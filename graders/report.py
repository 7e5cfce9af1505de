"""Report: what grading an attempt found. The only thing that reaches the site and the learner."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = "assay.dev/report/v1"


class Outcome(StrEnum):
    """The answer of one check. Three outcomes, never two."""

    PASSED = "passed"
    """The task is done."""
    FAILED = "failed"
    """The learner has not done it (yet)."""
    ERROR = "error"
    """We could not look. It counts for nothing and costs nothing."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CheckResult(_Model):
    """What one check found."""

    task: str
    """Id of the task."""
    outcome: Outcome
    message: str
    """One sentence for the learner."""
    expected: str = ""
    found: str = ""
    hint: str = ""
    """Where to look; never the answer."""
    seconds: float = 0.0
    """Wall time of the check."""
    evidence: tuple[dict[str, Any], ...] = ()
    """Objects and audit events that were read: kind, namespace, name, uid, resourceVersion."""


class Report(_Model):
    """What one grading of an attempt found. JSON Schema: `report_json_schema()`."""

    schema_: Literal["assay.dev/report/v1"] = Field(default="assay.dev/report/v1", alias="schema")
    id: str
    """Unique; the verdicts of the ledger refer to it."""
    lab: str
    """Slug of the lab."""
    lab_version: str
    attempt: str
    """Id of the attempt."""
    learner: str
    started_at: str
    """RFC 3339, UTC."""
    finished_at: str
    """RFC 3339, UTC."""
    results: tuple[CheckResult, ...]
    """One for every task that was asked for, in the order of the lab."""
    cluster_uid: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    """`assay`, `kubernetes`, `provider`, `lab`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

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
