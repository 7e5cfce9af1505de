"""Errors of the proctor's API: `application/problem+json` (RFC 9457) with one sentence."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from clusters.errors import AssayError, InputInvalid, NotFound
from graders.attempts import AttemptEnded, NotExtended, NotReset
from graders.errors import Cancelled
from graders.ledger.statements import AppealAnswered, AppealPending

log = logging.getLogger("assay.proctor")
_CONFLICTS = (AttemptEnded, NotExtended, NotReset, Cancelled, AppealPending, AppealAnswered)


class Refused(AssayError):
    """The request cannot be answered; carries the HTTP status that says why."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def problem(status: int, detail: str) -> JSONResponse:
    """Return a problem document."""
    document = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    headers = {"WWW-Authenticate": "token"} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(document, status, headers, media_type="application/problem+json")


def sentence_of(error: Exception) -> str:
    """Return what a person reads about an error.

    An error that nobody expected is logged; the person gets the reference to find it there.
    """
    if isinstance(error, AssayError):
        return str(error)
    reference = secrets.token_hex(4)
    log.error("unexpected error, reference %s", reference, exc_info=error)
    return (
        "the platform made a mistake; nothing was counted. "
        f"Try again, and tell your instructor the reference {reference} if it happens again"
    )


def answer_with_problems(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    app.add_exception_handler(AssayError, _expected)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _expected(request: Request, error: Exception) -> JSONResponse:
    return problem(status_of(error), str(error))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    places = [
        f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
        for found in error.errors()
    ]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(places))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, sentence_of(error))


def status_of(error: Exception) -> HTTPStatus:
    """Return the HTTP status that says whose mistake an error is."""
    if isinstance(error, Refused):
        return error.status
    if isinstance(error, NotFound):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, _CONFLICTS):
        return HTTPStatus.CONFLICT
    if isinstance(error, InputInvalid):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.SERVICE_UNAVAILABLE
