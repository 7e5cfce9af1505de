"""The routes of instructors and certifiers: the work of all, what it rests on, what was signed."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from clusters.broker.overview import overview
from clusters.errors import NotFound
from graders.bundles.bundle import read_bundle
from graders.bundles.store import EvidenceStore
from graders.catalogue import find_lab
from graders.ledger import Ledger, export_attempt
from graders.proctor.documents import (
    AttemptDocument,
    ClustersDocument,
    EvidenceDocument,
    ExportDocument,
    LabAttemptsQuery,
    ReportCardDocument,
    VerificationDocument,
)
from graders.proctor.doors import Instructor, OfStaff, ReportId, Slug, Staff, the_proctor
from graders.proctor.openapi import refusals
from graders.rehearsal.cards import card_of

router = APIRouter(tags=["instructors and certifiers"])


@router.get("/labs/{slug}/attempts", response_model=list[AttemptDocument], responses=refusals(403))
async def attempts_of_lab(
    request: Request,
    slug: Slug,
    staff: Staff,
    query: Annotated[LabAttemptsQuery, Query()],
) -> JSONResponse:
    """Return everybody's attempts at a lab, newest first."""
    states = None if query.state is None else [query.state]
    found = await asyncio.to_thread(the_proctor(request).ledger.attempts, None, slug, states)
    return JSONResponse([attempt.to_json() for attempt in found])


@router.get(
    "/labs/{slug}/report-card", response_model=ReportCardDocument, responses=refusals(403, 404)
)
async def report_card(request: Request, slug: Slug, staff: Staff) -> JSONResponse:
    """Return what proves a lab's checks, and whether it still does."""
    status = await asyncio.to_thread(lambda: card_of(find_lab(slug)))
    return JSONResponse(status.to_json())


@router.get(
    "/attempts/{id}/reports/{report}/evidence",
    response_model=EvidenceDocument,
    responses=refusals(403, 404),
)
async def evidence(request: Request, attempt: OfStaff, report: ReportId) -> JSONResponse:
    """Return everything that the checks of a report were told; it gives answers away."""
    ledger = the_proctor(request).ledger
    return JSONResponse(await asyncio.to_thread(_evidence, ledger, attempt.id, report))


@router.get("/attempts/{id}/export", response_model=ExportDocument, responses=refusals(403, 404))
async def export(request: Request, attempt: OfStaff) -> JSONResponse:
    """Return everything that was signed about an attempt, to be verified anywhere."""
    ledger = the_proctor(request).ledger
    return JSONResponse(await asyncio.to_thread(export_attempt, ledger, attempt.id))


def _evidence(ledger: Ledger, attempt: str, report: str) -> dict[str, Any]:
    for found in ledger.reports(attempt):
        if found.id == report and found.evidence:
            return read_bundle(EvidenceStore().get(found.evidence))
        if found.id == report:
            raise NotFound("no evidence was kept of this report")
    raise NotFound("this attempt has no such report")


@router.get("/clusters", response_model=ClustersDocument, responses=refusals(403))
async def clusters(request: Request, staff: Instructor) -> JSONResponse:
    """Return who has which cluster, what waits ready, and who waits for room."""
    found = await asyncio.to_thread(overview, the_proctor(request).attempts.broker)
    return JSONResponse(found.to_json())


@router.get("/ledger/verification", response_model=VerificationDocument, responses=refusals(403))
async def verification(request: Request, staff: Staff) -> JSONResponse:
    """Check every link, signature and verdict of the whole ledger."""
    problems = await asyncio.to_thread(the_proctor(request).ledger.verify)
    return JSONResponse({"true": not problems, "problems": problems})
