"""The routes of the proctor. A learner reaches their own attempts and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from clusters.errors import NotFound
from graders.lab import SLUG, TASK_ID
from graders.ledger import Attempt
from graders.proctor.feed import Feed, with_beats
from graders.proctor.metrics import CONTENT_TYPE
from graders.proctor.problems import problem
from graders.proctor.starts import Order
from graders.proctor.view import attempt_document

if TYPE_CHECKING:
    from graders.proctor.app import Proctor

BEAT = 2.0
"""Seconds of silence after which a stream of lines says that the proctor lives."""
BEAT_LINE = {"alive": True}
NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
_NO_BUFFERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

router = APIRouter()


class StartBody(BaseModel):
    """What the spawner sends to start a lab."""

    model_config = ConfigDict(extra="forbid")

    learner: str = Field(min_length=1, max_length=255)
    lab: str = Field(pattern=SLUG)
    assurance: Literal["practice", "isolated"] = "practice"


class CheckBody(BaseModel):
    """Which tasks to check; all of them without a list."""

    model_config = ConfigDict(extra="forbid")

    tasks: list[Annotated[str, Field(pattern=TASK_ID)]] | None = Field(
        default=None, min_length=1, max_length=40
    )


def the_proctor(request: Request) -> Proctor:
    """Return the parts of the running application."""
    found: Proctor = request.app.state.proctor
    return found


async def the_learner(request: Request) -> str:
    """Return who calls."""
    return await the_proctor(request).identity.learner(request)


async def the_attempt(id: str, request: Request) -> Attempt:
    """Return the attempt of the path, if it is the caller's own.

    Raises:
        NotFound: there is none, or it is somebody else's: nobody learns which.
    """
    proctor = the_proctor(request)
    learner = await proctor.identity.learner(request)
    missing = NotFound("you have no attempt with this id")
    try:
        attempt = await asyncio.to_thread(proctor.ledger.attempt, id)
    except NotFound:
        raise missing from None
    if attempt.learner != learner:
        raise missing
    return attempt


Learner = Annotated[str, Depends(the_learner)]
Own = Annotated[Attempt, Depends(the_attempt)]


@router.get("/health")
async def health() -> dict[str, str]:
    """Say that the proctor answers."""
    return {"status": "ok"}


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return the metrics in the text format of Prometheus."""
    proctor = the_proctor(request)
    proctor.metrics.waiting.set(proctor.starts.waiting)
    proctor.metrics.gradings_waiting.set(proctor.places.waiting)
    proctor.metrics.gradings_running.set(proctor.places.running)
    return Response(proctor.metrics.render(), media_type=CONTENT_TYPE)


@router.post("/attempts")
async def start(body: StartBody, request: Request) -> StreamingResponse:
    """Start or continue a lab for a learner, line by line. For the spawner only."""
    proctor = the_proctor(request)
    proctor.identity.spawner(request)
    feed = proctor.starts.join(Order(body.learner, body.lab, body.assurance))
    return StreamingResponse(_lines(feed), media_type=NDJSON, headers=_NO_BUFFERS)


@router.get("/attempts")
async def attempts(request: Request, learner: Learner, lab: str | None = None) -> JSONResponse:
    """Return the caller's attempts, newest first."""
    found = await asyncio.to_thread(the_proctor(request).ledger.attempts, learner, lab)
    return JSONResponse([attempt.to_json() for attempt in found])


@router.get("/attempts/{id}")
async def attempt(request: Request, own: Own) -> JSONResponse:
    """Return one attempt and the state of its tasks."""
    return JSONResponse(await _document(the_proctor(request), own))


@router.post("/attempts/{id}/checks")
async def check(
    request: Request,
    own: Own,
    body: CheckBody | None = None,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """Check tasks and return the report.

    With `Accept: application/x-ndjson` each result is a line as it is found, the report the last;
    after two seconds of silence comes `{"alive": true}`, so that a client notices a dead proctor.
    """
    proctor = the_proctor(request)
    await asyncio.to_thread(proctor.attempts.require_open, own.id)
    feed = proctor.checks.begin(own, body.tasks if body else None)
    if NDJSON in accept:
        return StreamingResponse(_lines(feed), media_type=NDJSON, headers=_NO_BUFFERS)
    last: dict[str, Any] = {}
    async for entry in feed.read():
        last = entry.item
    if "report" in last:
        return JSONResponse(last["report"])
    return problem(int(last["status"]), str(last["error"]))


@router.post("/attempts/{id}/finish")
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


@router.get("/attempts/{id}/events")
async def events(
    request: Request, own: Own, last_event_id: Annotated[str | None, Header()] = None
) -> Response:
    """Follow an attempt: `result`, `report` and `attempt` events, resumable by Last-Event-ID."""
    proctor = the_proctor(request)
    after = proctor.events.resumable(own.id, last_event_id)
    if last_event_id and not own.live and after is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)  # tells a browser to stop asking
    if after is not None:
        stream = proctor.events.follow(own.id, after, None)
    else:
        newest = proctor.events.newest(own.id)  # before looking, so that nothing is missed
        stream = proctor.events.follow(own.id, newest, await _document(proctor, own))
    return StreamingResponse(stream, media_type=SSE, headers=_NO_BUFFERS)


async def _document(proctor: Proctor, attempt: Attempt) -> dict[str, Any]:
    return await asyncio.to_thread(attempt_document, proctor.ledger, attempt)


async def _lines(feed: Feed[dict[str, Any]]) -> AsyncIterator[bytes]:
    async for entry in with_beats(feed.read(), BEAT):
        line = BEAT_LINE if entry is None else entry.item
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"
