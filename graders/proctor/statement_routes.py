"""The routes of appeals and overrides: what people say about verdicts, beside the verdicts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from clusters.errors import NotFound
from graders.ledger import Attempt
from graders.ledger.statements import Override
from graders.proctor.documents import (
    AnswerBody,
    AppealBody,
    AppealDocument,
    AppealsQuery,
    OverrideBody,
)
from graders.proctor.doors import (
    Id,
    Instructor,
    OfInstructor,
    Own,
    Readable,
    the_proctor,
)
from graders.proctor.openapi import refusals
from graders.proctor.view import task_ids

if TYPE_CHECKING:
    from graders.proctor.app import Proctor

router = APIRouter(tags=["appeals and overrides"])


@router.get(
    "/attempts/{id}/appeals", response_model=list[AppealDocument], responses=refusals(403, 404)
)
async def appeals_of(request: Request, readable: Readable) -> JSONResponse:
    """Return the appeals on an attempt with their answers, oldest first."""
    found = await asyncio.to_thread(the_proctor(request).ledger.appeals, readable.id)
    return JSONResponse([case.to_json() for case in found])


@router.post(
    "/attempts/{id}/appeals",
    response_model=AppealDocument,
    status_code=201,
    responses=refusals(403, 404, 409),
)
async def appeal(request: Request, own: Own, body: AppealBody) -> JSONResponse:
    """Object to the verdict on a task; instructors see it with the evidence of the verdict.

    A task has one unanswered appeal at most: a second one is refused with 409.
    """
    proctor = the_proctor(request)
    await _require_task(proctor, own, body.task)
    case = await asyncio.to_thread(proctor.ledger.add_appeal, own.id, body.task, body.text)
    return JSONResponse(case.to_json(), 201)


@router.get("/appeals", response_model=list[AppealDocument], responses=refusals(403))
async def appeals(
    request: Request,
    instructor: Instructor,
    query: Annotated[AppealsQuery, Query()],
) -> JSONResponse:
    """Return appeals, oldest first; those that wait for an answer unless `open=false`."""
    ledger = the_proctor(request).ledger
    found = await asyncio.to_thread(lambda: ledger.appeals(lab=query.lab, open_only=query.open))
    return JSONResponse([case.to_json() for case in found])


@router.post(
    "/appeals/{id}/answer", response_model=AppealDocument, responses=refusals(403, 404, 409)
)
async def answer(
    request: Request, id: Id, instructor: Instructor, body: AnswerBody
) -> JSONResponse:
    """Answer an appeal, once. What follows from it is an override or a regrade of its own."""
    proctor = the_proctor(request)
    case = await asyncio.to_thread(
        lambda: proctor.ledger.answer_appeal(
            id, instructor=instructor.name, accepted=body.accepted, text=body.text
        )
    )
    await _publish(proctor, case.appeal.attempt)
    return JSONResponse(case.to_json())


@router.get("/attempts/{id}/overrides", response_model=list[Override], responses=refusals(403, 404))
async def overrides(request: Request, readable: Readable) -> JSONResponse:
    """Return the overrides of an attempt, oldest first; the newest one of a task holds."""
    found = await asyncio.to_thread(the_proctor(request).ledger.overrides, readable.id)
    return JSONResponse([override.to_json() for override in found])


@router.post(
    "/attempts/{id}/overrides",
    response_model=Override,
    status_code=201,
    responses=refusals(403, 404),
)
async def override(
    request: Request, attempt: OfInstructor, instructor: Instructor, body: OverrideBody
) -> JSONResponse:
    """Settle a task by hand, with a reason; every verdict stays as it is, beside it."""
    proctor = the_proctor(request)
    await _require_task(proctor, attempt, body.task)
    said = await asyncio.to_thread(
        lambda: proctor.ledger.add_override(
            attempt.id, body.task, body.effect, instructor=instructor.name, reason=body.reason
        )
    )
    await _publish(proctor, attempt.id)
    return JSONResponse(said.to_json(), 201)


async def _require_task(proctor: Proctor, attempt: Attempt, task: str) -> None:
    known = await asyncio.to_thread(task_ids, proctor.ledger, attempt)
    if task not in known:
        raise NotFound(f"this lab has no task {task!r}; it has {', '.join(known)}")


async def _publish(proctor: Proctor, id: str) -> None:
    """Show whoever follows an attempt what was decided about it."""
    document = await asyncio.to_thread(proctor.document, id)
    proctor.events.publish(id, "attempt", document)
