"""The routes of attempts: a learner reaches their own and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response

from graders.ledger import Attempt
from graders.proctor.documents import (
    AttemptDocument,
    AttemptsQuery,
    AttemptWithTasks,
    CheckBody,
    CheckpointDocument,
    ResetBody,
    Ticket,
)
from graders.proctor.doors import Followed, Learner, Own, Readable, the_proctor
from graders.proctor.openapi import refusals
from graders.proctor.problems import problem
from graders.proctor.streams import EVENTS, LINES, NDJSON, event_by_event, line_by_line
from graders.proctor.tickets import LIFETIME, STAY
from graders.proctor.view import attempt_document
from graders.report import Report

if TYPE_CHECKING:
    from graders.proctor.app import Proctor

router = APIRouter(tags=["attempts"])


@router.get("/attempts", response_model=list[AttemptDocument], responses=refusals(403))
async def attempts(
    request: Request,
    learner: Learner,
    query: Annotated[AttemptsQuery, Query()],
) -> JSONResponse:
    """Return the caller's attempts, newest first."""
    ledger = the_proctor(request).ledger
    found = await asyncio.to_thread(ledger.attempts, learner.name, query.lab)
    return JSONResponse([attempt.to_json() for attempt in found])


@router.get("/attempts/{id}", response_model=AttemptWithTasks, responses=refusals(403, 404))
async def attempt(request: Request, readable: Readable) -> JSONResponse:
    """Return one attempt and the state of its tasks."""
    return JSONResponse(await _document(the_proctor(request), readable))


@router.get("/attempts/{id}/reports", response_model=list[Report], responses=refusals(403, 404))
async def reports(request: Request, readable: Readable) -> JSONResponse:
    """Return what every grading of an attempt found, oldest first; regrades among them."""
    found = await asyncio.to_thread(the_proctor(request).ledger.reports, readable.id)
    return JSONResponse([report.to_json() for report in found])


@router.post(
    "/attempts/{id}/checks",
    response_model=Report,
    responses={200: {"content": LINES}, **refusals(403, 404, 409)},
)
async def check(
    request: Request,
    own: Own,
    body: CheckBody | None = None,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """Check tasks and return the report.

    Asking again while a check runs takes its place: the older one is answered 409 and counts
    nothing.

    With `Accept: application/x-ndjson` each result is a line as it is found, the report the last;
    after two seconds of silence comes `{"alive": true}`, so that a client notices a dead proctor.
    """
    proctor = the_proctor(request)
    by_line = NDJSON in accept
    if by_line:  # once a line is sent, it is too late for a status
        await asyncio.to_thread(proctor.attempts.require_open, own.id)
    feed = proctor.checks.begin(own, body.tasks if body else None)
    if by_line:
        return line_by_line(feed)
    last: dict[str, Any] = {}
    async for entry in feed.read():
        last = entry.item
    if "report" in last:
        return JSONResponse(last["report"])
    return problem(int(last["status"]), str(last["error"]))


@router.post("/attempts/{id}/finish", response_model=AttemptWithTasks, responses=refusals(403, 404))
async def finish(request: Request, own: Own) -> JSONResponse:
    """End an attempt: its cluster is removed, its reports stay. Twice is no error."""
    proctor = the_proctor(request)
    await asyncio.to_thread(proctor.attempts.finish, own.id)
    ended = await asyncio.to_thread(proctor.ledger.attempt, own.id)
    document = await _document(proctor, ended)
    if own.live:
        proctor.events.publish(own.id, "attempt", document)
    proctor.reconciler.hurry()
    return JSONResponse(document)


@router.post(
    "/attempts/{id}/extend", response_model=AttemptWithTasks, responses=refusals(403, 404, 409)
)
async def extend(request: Request, own: Own) -> JSONResponse:
    """Give an open attempt more time, by the minutes of its lab; twice at most."""
    proctor = the_proctor(request)
    extended = await asyncio.to_thread(proctor.attempts.extend, own.id)
    document = await _document(proctor, extended)
    proctor.events.publish(own.id, "attempt", document)
    return JSONResponse(document)


@router.get(
    "/attempts/{id}/checkpoints",
    response_model=list[CheckpointDocument],
    responses=refusals(403, 404, 409),
)
async def checkpoints(request: Request, own: Own) -> JSONResponse:
    """Return where `reset` leads: first to the start of the lab, then to before each task."""
    found = await asyncio.to_thread(the_proctor(request).attempts.checkpoints, own.id)
    return JSONResponse([{"to": to, **found[to].to_json()} for to in found])


@router.post(
    "/attempts/{id}/reset",
    response_model=CheckpointDocument,
    responses=refusals(403, 404, 409, 503),
)
async def reset(request: Request, own: Own, body: ResetBody | None = None) -> JSONResponse:
    """Take the cluster of an open attempt back to the start of the lab, or to before a task.

    What was done in the cluster since is undone. Verdicts stay, the time goes on, and who follows
    the attempt hears what is not done any more. A check under way ends first.
    """
    proctor, to = the_proctor(request), (body and body.to) or ""
    async with proctor.live.standing_back(own.id):
        found = await asyncio.to_thread(proctor.attempts.reset, own.id, to)
        proctor.live.look_at_all(own.id)
    proctor.events.publish(own.id, "attempt", await _document(proctor, own))
    return JSONResponse({"to": to, **found.to_json()})


@router.get(
    "/attempts/{id}/events",
    response_class=Response,
    responses={
        200: {"content": EVENTS},
        204: {"description": "The attempt has ended and nothing follows: stop asking"},
        **refusals(403, 404),
    },
)
async def events(
    request: Request, followed: Followed, last_event_id: Annotated[str | None, Header()] = None
) -> Response:
    """Follow an attempt: `result`, `report` and `attempt` events, resumable by Last-Event-ID.

    While somebody follows it, a task is checked again when something changed that its check had
    read, and a result comes where the outcome is another one. Who came by a ticket is sent away
    after a while and needs a new one.
    """
    proctor, id = the_proctor(request), followed.id
    after = proctor.events.resumable(id, last_event_id)
    if last_event_id and not followed.live and after is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)  # tells a browser to stop asking
    snapshot = None
    if after is None:
        after = proctor.events.newest(id)  # before looking, so that nothing is missed
        snapshot = await _document(proctor, followed)
    stay = None if "Authorization" in request.headers else STAY
    stream = proctor.events.follow(id, after, snapshot)
    return event_by_event(_while_followed(proctor, followed, stream, stay))


@router.post("/attempts/{id}/tickets", response_model=Ticket, responses=refusals(403, 404))
async def ticket(request: Request, own: Own) -> JSONResponse:
    """Return a ticket that lets a browser follow this attempt, as the cookie `assay-ticket`."""
    issued = the_proctor(request).tickets.issue(own.id)
    return JSONResponse({"ticket": issued, "seconds": LIFETIME})


async def _while_followed(
    proctor: Proctor, attempt: Attempt, stream: AsyncIterator[bytes], seconds: float | None
) -> AsyncIterator[bytes]:
    """Pass events on, and keep the attempt's verdicts up to date meanwhile."""
    began = time.monotonic()
    with proctor.live.following(attempt):
        async for chunk in stream:  # the signs of life among them bound the delay
            yield chunk
            if seconds is not None and time.monotonic() - began > seconds:
                return


async def _document(proctor: Proctor, attempt: Attempt) -> dict[str, Any]:
    return await asyncio.to_thread(attempt_document, proctor.ledger, attempt)
