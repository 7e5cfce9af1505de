"""Lab start: what the spawner asks of the proctor, followed line by line; and when to rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

from clusters.errors import AssayError

Line = dict[str, Any]
RETRY = 1.0
"""Seconds before a proctor that went away is asked again."""
SILENCE = 20.0
"""Seconds; a healthy proctor gives a sign of life every 2 s."""


class LabNotStarted(AssayError):
    """The proctor could not start the lab; the sentence is for the learner."""


@dataclass(frozen=True)
class StartedLab:
    """A lab whose cluster runs."""

    attempt: str
    """Id of the attempt."""
    notebook: dict[str, Any]
    kubeconfig: str = field(repr=False)


@dataclass(frozen=True)
class ProctorAddress:
    """Where the proctor is, and the secret that lets the spawner in."""

    url: str
    """With the prefix, without a slash at the end."""
    secret: str = field(repr=False)


async def start_lab(
    proctor: ProctorAddress, order: dict[str, str], on_line: Callable[[Line], None]
) -> StartedLab:
    """Have a lab started or continued.

    A proctor that restarts in the middle is asked again, because a start can be repeated.

    Args:
        proctor: where to ask.
        order: `learner`, `lab` and `assurance`.
        on_line: told each line of the stream but the last.

    Raises:
        LabNotStarted: the proctor says why not.
    """
    timeout = httpx.Timeout(10.0, read=SILENCE)
    async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
        while True:
            try:
                last = await _follow(client, proctor, order, on_line)
            except httpx.TransportError:
                last = None
            if last is not None:
                return _result(last)
            on_line(_waiting())
            await asyncio.sleep(RETRY)


async def pause_lab(proctor: ProctorAddress, order: dict[str, str]) -> None:
    """Tell the proctor that a notebook was closed; a proctor that is away need not know.

    Args:
        proctor: where to tell it.
        order: `learner` and `lab`.
    """
    headers = {"Authorization": f"Bearer {proctor.secret}"}
    with suppress(httpx.HTTPError):
        async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
            await client.post(f"{proctor.url}/pauses", json=order, headers=headers)


async def _follow(
    client: httpx.AsyncClient,
    proctor: ProctorAddress,
    order: dict[str, str],
    on_line: Callable[[Line], None],
) -> Line | None:
    """Return the last line, None when the stream broke off before it."""
    headers = {"Authorization": f"Bearer {proctor.secret}"}
    async with client.stream(
        "POST", f"{proctor.url}/attempts", json=order, headers=headers
    ) as answer:
        if answer.status_code != HTTPStatus.OK:
            await answer.aread()
            raise LabNotStarted(_detail(answer))
        async for text in answer.aiter_lines():
            line = json.loads(text)
            if "attempt" in line or "error" in line:
                return dict(line)
            if "alive" not in line:
                on_line(line)
    return None


def _result(line: Line) -> StartedLab:
    if "error" in line:
        raise LabNotStarted(line["error"])
    return StartedLab(line["attempt"]["id"], line["notebook"], line["kubeconfig"])


def _waiting() -> Line:
    message = "Waiting for the grader, which is starting"
    return {"phase": {"name": "proctor", "message": message, "percent": 0, "seconds": None}}


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the grader answered {answer.status_code}"
