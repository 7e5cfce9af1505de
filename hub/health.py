"""Health: whether the parts of the platform answer, asked as a browser would ask."""

from __future__ import annotations

from http import HTTPStatus

import httpx

from hub.installation import PROCTOR, SITE

_TIMEOUT = 5.0


def hub_answers(url: str) -> bool:
    """Return whether the hub answers behind its proxy."""
    return _status(f"{url}/hub/health") == HTTPStatus.OK


def proctor_answers(url: str) -> bool:
    """Return whether the proctor answers behind the proxy."""
    return _status(f"{url}{PROCTOR}/health") == HTTPStatus.OK


def site_answers(url: str) -> bool:
    """Return whether the site answers behind the proxy."""
    return _status(f"{url}{SITE}health") == HTTPStatus.OK


def _status(url: str) -> int:
    try:
        return httpx.get(url, timeout=_TIMEOUT, trust_env=False).status_code
    except httpx.HTTPError:
        return 0
