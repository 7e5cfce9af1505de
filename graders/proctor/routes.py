"""The routes that need no person: health, metrics, and the spawner's start of a lab."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from clusters.broker.overview import overview
from graders.proctor.documents import Health, PauseBody, Paused, StartBody
from graders.proctor.doors import the_proctor, the_spawner
from graders.proctor.metrics import CONTENT_TYPE
from graders.proctor.starts import Order
from graders.proctor.streams import LINES, line_by_line

router = APIRouter(tags=["platform"])


@router.get("/health", response_model=Health)
async def health() -> dict[str, str]:
    """Say that the proctor answers."""
    return {"status": "ok"}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Return the metrics in the text format of Prometheus; they name no learner."""
    proctor = the_proctor(request)
    found = await asyncio.to_thread(overview, proctor.attempts.broker)
    proctor.metrics.show_clusters(found)
    proctor.metrics.gradings_waiting.set(proctor.places.waiting)
    proctor.metrics.gradings_running.set(proctor.places.running)
    return Response(proctor.metrics.render(), media_type=CONTENT_TYPE)


@router.post(
    "/attempts",
    response_class=StreamingResponse,
    responses={200: {"content": LINES}},
    dependencies=[Depends(the_spawner)],
)
async def start(body: StartBody, request: Request) -> StreamingResponse:
    """Start or continue a lab for a learner, line by line. For the spawner only.

    Lines are `{"expected": [...]}`, `{"phase": {...}}`, `{"alive": true}`, and in the end
    `{"attempt", "kubeconfig", "notebook"}` or `{"error": "one sentence"}`.
    """
    feed = the_proctor(request).starts.join(Order(body.learner, body.lab, body.assurance))
    return line_by_line(feed)


@router.post("/pauses", response_model=Paused, dependencies=[Depends(the_spawner)])
async def pause(body: PauseBody, request: Request) -> JSONResponse:
    """Freeze the cluster of a learner whose notebook was closed. For the spawner only.

    It runs on where it was when the lab is opened again, or when something is checked.
    """
    attempts = the_proctor(request).attempts
    return JSONResponse({"paused": await asyncio.to_thread(attempts.pause, body.learner, body.lab)})
