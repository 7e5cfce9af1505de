"""The proctor's application: what its parts are and how they are put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import Lifespan

from clusters.home import home
from graders.attempts import Attempts
from graders.formative.store import FormativeStore
from graders.ledger import Ledger
from graders.live.service import Live
from graders.proctor import attempt_routes, formative_routes, staff_routes, statement_routes
from graders.proctor import routes as routes_of_platform
from graders.proctor.events import Events
from graders.proctor.formative_routes import FormativeGradings
from graders.proctor.identity import HubIdentity
from graders.proctor.metrics import Metrics
from graders.proctor.notebook_servers import NotebookServers
from graders.proctor.openapi import describe
from graders.proctor.places import Places
from graders.proctor.pool_filling import fill_pool
from graders.proctor.problems import answer_with_problems
from graders.proctor.queue import Queue
from graders.proctor.reconciler import Reconciler
from graders.proctor.running_checks import RunningChecks
from graders.proctor.settings import Settings
from graders.proctor.starts import Starts
from graders.proctor.tickets import Tickets
from graders.proctor.timings import Timings
from graders.proctor.view import attempt_document
from graders.report import Report

PREFIX = "/services/proctor"
"""Where the hub mounts it."""
HUB_TIMEOUT = 10.0
"""Seconds the hub has to answer."""


@dataclass(frozen=True)
class Proctor:
    """The parts that the routes use; kept in `app.state.proctor`."""

    attempts: Attempts
    ledger: Ledger
    identity: HubIdentity
    starts: Starts
    places: Places
    checks: RunningChecks
    formative: FormativeGradings
    events: Events
    live: Live
    tickets: Tickets
    metrics: Metrics
    reconciler: Reconciler
    threads: Executor

    def document(self, id: str) -> dict[str, Any]:
        """Return an attempt with its tasks, as it is now."""
        return attempt_document(self.ledger, self.ledger.attempt(id))


def create_app(
    settings: Settings, attempts: Attempts, ledger: Ledger, spawner_secret: str
) -> FastAPI:
    """Return the application; the reconciler runs as long as the application does."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(
            base_url=settings.api_url, timeout=HUB_TIMEOUT, trust_env=False
        ) as api:
            proctor = _assemble(settings, attempts, ledger, spawner_secret, api)
            app.state.proctor = proctor
            rounds = [
                asyncio.create_task(proctor.reconciler.run()),
                asyncio.create_task(fill_pool(attempts.broker, proctor.metrics, proctor.threads)),
            ]
            yield
            for task in rounds:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await proctor.live.close()
            proctor.threads.shutdown(wait=False, cancel_futures=True)

    return described_app(settings.prefix, lifespan)


def described_app(prefix: str = PREFIX, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Return the application with its routes, and its description at `{prefix}/openapi.json`.

    Args:
        prefix: where it is mounted; no slash at the end.
        lifespan: makes its parts; without them it can only be described.
    """
    app = FastAPI(
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{prefix}/openapi.json",
        generate_unique_id_function=lambda route: route.name,
    )
    own = (attempt_routes, formative_routes, statement_routes, staff_routes)
    for routes in (routes_of_platform, *own):
        app.include_router(routes.router, prefix=prefix)
    describe(app, prefix)
    answer_with_problems(app)
    return app


def _assemble(
    settings: Settings,
    attempts: Attempts,
    ledger: Ledger,
    spawner_secret: str,
    api: httpx.AsyncClient,
) -> Proctor:
    metrics = Metrics()
    events = Events()
    # one pool for what takes long, so that a check never waits for somebody else's start
    starters = ThreadPoolExecutor(32, "start")
    places = Places(settings.gradings)
    checkers = ThreadPoolExecutor(settings.gradings, "check")
    threads = ThreadPoolExecutor(16, "work")
    live = _live(attempts, events, metrics, lookers=max(1, settings.gradings // 2))

    timings = Timings(home() / "timings" / "start.json")
    queue = Queue(attempts.broker, settings.patience)
    servers = NotebookServers(api, settings.api_token)
    return Proctor(
        attempts=attempts,
        ledger=ledger,
        identity=HubIdentity(api, spawner_secret),
        starts=Starts(attempts, queue, timings, metrics, starters),
        places=places,
        checks=RunningChecks(attempts, events, metrics, checkers, places, live),
        formative=FormativeGradings(attempts, FormativeStore(ledger.engine)),
        events=events,
        live=live,
        tickets=Tickets(),
        metrics=metrics,
        reconciler=Reconciler(attempts, ledger, servers, events, metrics, threads),
        threads=threads,
    )


def _live(attempts: Attempts, events: Events, metrics: Metrics, lookers: int) -> Live:
    """Return what looks again at followed attempts; never in the place of what is asked for."""

    def on_verdict(report: Report) -> None:
        for result in report.results:
            events.publish(report.attempt, "result", result.model_dump(mode="json"))
        events.publish(report.attempt, "report", report.to_json())

    threads = ThreadPoolExecutor(lookers, "look")
    return Live(attempts, threads, Places(lookers), on_verdict, metrics.count)
