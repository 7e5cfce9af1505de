"""Grading of formative cells: the key comes from the lab, the answers from the learner."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from clusters.errors import InputInvalid, NotFound
from graders.formative.cell_run import CellRun
from graders.formative.cells import CellKind, FormativeCell, formative_cells, has_formative_cells
from graders.formative.disposable import have_done
from graders.formative.release import key_copy
from graders.formative.report import FormativeReport, FormativeResult
from graders.lab import Lab
from graders.ledger import Attempt, timestamp
from graders.rendering import render_notebook_source
from graders.report import Outcome
from graders.variant import draw_variant

ANSWER_LIMIT = 64 << 10
"""Characters of one answer."""


def autograde(lab: Lab, attempt: Attempt, answers: Mapping[str, str]) -> FormativeReport:
    """Grade what a learner wrote, with every test of the lab.

    Args:
        lab: where the tests are.
        attempt: draws the parameters; nothing else of it is used.
        answers: source of the learner's cells by id; others are not looked at.

    Raises:
        NotFound: the lab has no formative cells.
        InputInvalid: an answer is too long.
        GradingError: the grader could not do it; nothing was counted.
    """
    key = _key_of(lab, attempt.seed)
    own = _answers_in(key, answers)
    graded = have_done({"do": "autograde", "key": key, "answers": own})
    tests = {cell.id: cell for cell in formative_cells(key)}
    results = tuple(_result(tests[found["cell"]], found) for found in graded["cells"])
    return FormativeReport(
        id=secrets.token_hex(16),
        lab=lab.slug,
        lab_version=lab.version,
        attempt=attempt.id,
        learner=attempt.learner,
        finished_at=timestamp(datetime.now(UTC)),
        answers=_digest(own),
        results=results,
        points=sum(result.points for result in results),
        max_points=sum(result.max_points for result in results),
        versions={"assay": version("assay"), "nbgrader": version("nbgrader")},
    )


def _key_of(lab: Lab, seed: int) -> dict[str, Any]:
    source = render_notebook_source(lab, draw_variant(lab.document.parameters, seed))
    if not has_formative_cells(source):
        raise NotFound(f"{lab.slug} has no formative cells; %check looks at its tasks")
    return key_copy(source, str(lab.folder / "notebook.ipynb"))


def _answers_in(key: Mapping[str, Any], answers: Mapping[str, str]) -> dict[str, str]:
    known = [cell.id for cell in formative_cells(key) if cell.kind is CellKind.SOLUTION]
    own = {id: answers[id] for id in known if id in answers}
    if long := [id for id, text in own.items() if len(text) > ANSWER_LIMIT]:
        raise InputInvalid([f"{id}: is longer than {ANSWER_LIMIT >> 10} KiB" for id in long])
    return own


def _digest(answers: Mapping[str, str]) -> str:
    text = json.dumps(answers, sort_keys=True).encode()
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def _result(tests: FormativeCell, found: Mapping[str, Any]) -> FormativeResult:
    points, worth = found["points"], found["max_points"]
    run = CellRun.from_json(found["run"])
    return FormativeResult(
        cell=tests.id,
        outcome=Outcome.PASSED if points >= worth else Outcome.FAILED,
        points=points,
        max_points=worth,
        message=_message(tests.source, run, points, worth),
    )


def _message(source: str, run: CellRun, points: float, worth: float) -> str:
    """Say how it went, without a word of what the tests or the learner's code said.

    What a hidden test passes to a function, the function could put into its exception.
    """
    if points >= worth:
        return "every test passes"
    if run.failure is None:
        return f"{points:g} of {worth:g} points"
    if run.failure.line in _hidden_lines(source):
        return "the tests that you can see pass, a hidden one does not"
    if run.failure.name == "TimeoutError":
        return "the tests did not end in time"
    return "a test does not pass; %validate shows which"


def _hidden_lines(source: str) -> set[int]:
    return set(_lines_between(source, "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"))


def _lines_between(source: str, begin: str, end: str) -> Iterator[int]:
    inside = False
    for number, line in enumerate(source.splitlines(), 1):
        if begin in line:
            inside = True
        elif end in line:
            inside = False
        elif inside:
            yield number
