"""FormativeReport: the points of a notebook's formative cells. It certifies nothing."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from graders.report import Moment, Outcome

Points = Annotated[float, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True
    )


class FormativeResult(_Model):
    """What the tests of one cell found."""

    cell: str
    """Id of the cell of tests (its `grade_id`)."""
    outcome: Literal[Outcome.PASSED, Outcome.FAILED]
    """`passed` with every point, `failed` with fewer."""
    points: Points
    max_points: Points
    message: str
    """One sentence for the learner. It says nothing about hidden tests but that there is one."""


class FormativeReport(_Model):
    """What grading the formative cells of an attempt found. Kept apart from verdicts."""

    schema_: Literal["assay.dev/formative-report/v1"] = Field(
        default="assay.dev/formative-report/v1", alias="schema"
    )
    """Version of this format."""
    id: str
    """Unique."""
    lab: str
    """Slug of the lab."""
    lab_version: str
    """Semantic version of the lab."""
    attempt: str
    """Id of the attempt."""
    learner: str
    """Name of the learner."""
    finished_at: Moment
    """RFC 3339, UTC."""
    answers: str
    """`sha256:` and the digest of what was handed in."""
    results: tuple[FormativeResult, ...]
    """One for every cell of tests, in the order of the notebook."""
    points: Points
    """All points that were reached."""
    max_points: Points
    """All that could be."""
    versions: dict[str, str] = Field(default_factory=dict)
    """`assay` and `nbgrader`."""

    def to_json(self) -> dict[str, Any]:
        """Return the document as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    def canonical(self) -> str:
        """Return it as it is stored: sorted keys, no spaces."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
