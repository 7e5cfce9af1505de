"""Doors: who may reach what. Every route that is not public names one of these as a parameter."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Path, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPBearer

from clusters.errors import NotFound
from graders.lab import SLUG
from graders.ledger import Attempt
from graders.proctor.identity import Caller
from graders.proctor.problems import Refused
from graders.proctor.tickets import COOKIE

if TYPE_CHECKING:
    from graders.proctor.app import Proctor

ID = r"^[0-9A-Za-z-]{1,64}$"
"""Of attempts, reports and appeals; nothing else is looked up."""
Id = Annotated[str, Path(pattern=ID)]
ReportId = Annotated[str, Path(pattern=ID)]
Slug = Annotated[str, Path(pattern=SLUG)]

HUB_TOKEN = APIKeyHeader(
    name="Authorization",
    scheme_name="hubToken",
    description="`token ` and a token of the hub.",
    auto_error=False,
)
SPAWNER_SECRET = HTTPBearer(
    scheme_name="spawnerSecret",
    description="What the hub's spawner shares with the proctor.",
    auto_error=False,
)

TICKET = APIKeyCookie(
    name=COOKIE,
    scheme_name="ticket",
    description="A ticket for the events of one attempt, see `POST /attempts/{id}/tickets`.",
    auto_error=False,
)


def the_proctor(request: Request) -> Proctor:
    """Return the parts of the running application."""
    found: Proctor = request.app.state.proctor
    return found


def the_spawner(request: Request, _: Annotated[object, Security(SPAWNER_SECRET)]) -> None:
    """Let only the spawner through."""
    the_proctor(request).identity.spawner(request)


async def the_caller(request: Request, _: Annotated[object, Security(HUB_TOKEN)]) -> Caller:
    """Return who calls."""
    return await the_proctor(request).identity.caller(request)


Anybody = Annotated[Caller, Depends(the_caller)]


def the_learner(caller: Anybody) -> Caller:
    """Return who calls, if they may work on labs."""
    if not caller.learner:
        raise Refused(HTTPStatus.FORBIDDEN, "this token does not allow to work on labs")
    return caller


def the_staff(caller: Anybody) -> Caller:
    """Return who calls, if they may read the work of all."""
    if not caller.staff:
        raise Refused(HTTPStatus.FORBIDDEN, "only instructors and certifiers may see this")
    return caller


def the_instructor(caller: Anybody) -> Caller:
    """Return who calls, if they may judge the work of all."""
    if not caller.instructor:
        raise Refused(HTTPStatus.FORBIDDEN, "only instructors may do this")
    return caller


Learner = Annotated[Caller, Depends(the_learner)]
Staff = Annotated[Caller, Depends(the_staff)]
Instructor = Annotated[Caller, Depends(the_instructor)]


async def the_own_attempt(id: Id, request: Request, learner: Learner) -> Attempt:
    """Return the attempt of the path, if it is the caller's own.

    Raises:
        NotFound: there is none, or it is somebody else's: nobody learns which.
    """
    attempt = await _attempt(id, request)
    if attempt.learner != learner.name:
        raise _unknown()
    return attempt


async def the_followed_attempt(
    id: Id,
    request: Request,
    token: Annotated[str | None, Security(HUB_TOKEN)],
    ticket: Annotated[str | None, Security(TICKET)],
) -> Attempt:
    """Return the attempt of the path, if it is the caller's own or they have a ticket for it.

    Raises:
        NotFound: there is none, or it is somebody else's: nobody learns which.
    """
    proctor = the_proctor(request)
    if token is None and ticket is not None and proctor.tickets.admits(ticket, id):
        return await _attempt(id, request)
    learner = the_learner(await proctor.identity.caller(request))
    return await the_own_attempt(id, request, learner)


async def the_readable_attempt(id: Id, request: Request, caller: Anybody) -> Attempt:
    """Return the attempt of the path, if it is the caller's own or they may read all.

    Raises:
        NotFound: there is none, or it is somebody else's: nobody learns which.
    """
    attempt = await _attempt(id, request)
    if not caller.staff and attempt.learner != caller.name:
        raise _unknown()
    return attempt


async def the_attempt_of_staff(id: Id, request: Request, staff: Staff) -> Attempt:
    """Return the attempt of the path to those who may read all.

    Raises:
        NotFound: there is none.
    """
    return await _attempt(id, request)


async def the_attempt_of_instructor(id: Id, request: Request, instructor: Instructor) -> Attempt:
    """Return the attempt of the path to those who may judge all.

    Raises:
        NotFound: there is none.
    """
    return await _attempt(id, request)


Own = Annotated[Attempt, Depends(the_own_attempt)]
Followed = Annotated[Attempt, Depends(the_followed_attempt)]
Readable = Annotated[Attempt, Depends(the_readable_attempt)]
OfStaff = Annotated[Attempt, Depends(the_attempt_of_staff)]
OfInstructor = Annotated[Attempt, Depends(the_attempt_of_instructor)]


async def _attempt(id: str, request: Request) -> Attempt:
    try:
        return await asyncio.to_thread(the_proctor(request).ledger.attempt, id)
    except NotFound:
        raise _unknown() from None


def _unknown() -> NotFound:
    return NotFound("you have no attempt with this id")
