"""The routes of formative cells: points for practice, apart from verdicts."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from graders.attempts import Attempts
from graders.attempts.rules import version_problem
from graders.catalogue import find_lab
from graders.formative.grading import ANSWER_LIMIT, autograde
from graders.formative.lint import CELL_ID, CELL_LIMIT
from graders.formative.report import FormativeReport
from graders.formative.store import FormativeStore
from graders.ledger import Attempt
from graders.proctor.doors import Own, Readable, the_proctor
from graders.proctor.openapi import refusals
from graders.proctor.problems import Refused

AT_ONCE = 2
"""Gradings of formative cells at the same time; others wait."""

router = APIRouter(tags=["formative cells"])


class FormativeAnswer(BaseModel):
    """What the learner wrote into one cell."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    cell: Annotated[str, StringConstraints(pattern=f"^{CELL_ID}$")]
    """Its `grade_id`."""
    source: Annotated[str, StringConstraints(max_length=ANSWER_LIMIT)]


class FormativeBody(BaseModel):
    """What the learner wrote into the formative cells of the notebook."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    answers: list[FormativeAnswer] = Field(max_length=CELL_LIMIT)
    """Cells that are missing count as not written; of two with one id the first counts."""


class FormativeGradings:
    """Grades formative cells in threads, one notebook of an attempt at a time."""

    def __init__(self, attempts: Attempts, store: FormativeStore) -> None:
        """Grade for `attempts`, and keep the points in `store`."""
        self.store = store
        self._attempts = attempts
        self._threads = ThreadPoolExecutor(AT_ONCE, "formative")
        self._busy: set[str] = set()

    async def grade(self, attempt: Attempt, answers: dict[str, str]) -> FormativeReport:
        """Grade and keep the points.

        Raises:
            Refused: this notebook is being graded already, or the lab changed too much.
            AttemptEnded: the attempt is not open.
            GradingError: the grader could not do it; nothing was counted.
        """
        if attempt.id in self._busy:
            raise Refused(HTTPStatus.CONFLICT, "your cells are being graded; wait for the points")
        self._busy.add(attempt.id)
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._graded, attempt.id, answers)
        finally:
            self._busy.discard(attempt.id)

    def _graded(self, id: str, answers: dict[str, str]) -> FormativeReport:
        attempt = self._attempts.require_open(id)
        lab = find_lab(attempt.lab)
        if problem := version_problem(attempt, lab):
            raise Refused(HTTPStatus.CONFLICT, problem)
        report = autograde(lab, attempt, answers)
        self.store.add(report)
        return report


@router.post(
    "/attempts/{id}/formative",
    response_model=FormativeReport,
    responses=refusals(403, 404, 409),
)
async def grade_formative(request: Request, own: Own, body: FormativeBody) -> JSONResponse:
    """Grade the formative cells of the notebook with every test, hidden ones too.

    The points are kept apart from verdicts: they certify nothing.
    """
    answers = {answer.cell: answer.source for answer in reversed(body.answers)}
    report = await the_proctor(request).formative.grade(own, answers)
    return JSONResponse(report.to_json())


@router.get(
    "/attempts/{id}/formative",
    response_model=list[FormativeReport],
    responses=refusals(403, 404),
)
async def formative_reports(request: Request, readable: Readable) -> JSONResponse:
    """Return the points of an attempt's formative cells, oldest first."""
    store = the_proctor(request).formative.store
    found = await asyncio.to_thread(store.reports, readable.id)
    return JSONResponse([report.to_json() for report in found])
