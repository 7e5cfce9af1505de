"""Resolution: keys and status lists fetched from the issuer's site, by HTTP GET and little else.

The addresses come out of the badge, so its maker chooses them: no redirects, no large answers, no
waiting, https only. This machine itself is reached by http, and only by a badge that was issued
here.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx

from web.credentials.did import document_url, is_loopback
from web.credentials.token import LIMIT
from web.credentials.trust import ResolvedDocument
from web.credentials.verdict import Fault, Refused

Get = Callable[[str], bytes]
"""Returns what lies at an address; raises `OSError` or `ValueError` with the reason."""
_SECONDS = 10.0


def http_get(url: str) -> bytes:
    """Return what lies at an address.

    Raises:
        OSError: nothing answered.
        ValueError: the answer is not one that counts.
    """
    host = httpx.URL(url).host
    try:
        with httpx.stream("GET", url, timeout=_SECONDS, follow_redirects=False) as answer:
            if answer.status_code != 200:
                raise ValueError(f"{host} answered {answer.status_code}")
            content = b""
            for part in answer.iter_bytes():
                content += part
                if len(content) > LIMIT:
                    raise ValueError(f"{host} answered with too much")
            return content
    except httpx.HTTPError as error:
        raise OSError(f"{host} does not answer") from error


def resolving(get: Get = http_get) -> ResolvedDocument:
    """Return the trust in what an issuer publishes under its did:web."""

    def fetch(did: str) -> object:
        try:
            return json.loads(get(document_url(did)))
        except (OSError, ValueError, RecursionError, httpx.InvalidURL) as error:
            why = "its document is not one" if isinstance(error, UnicodeError) else error
            raise Refused(
                Fault.ISSUER_UNAVAILABLE,
                f"The keys of {did or 'its issuer'} could not be fetched: {why}",
            ) from error

    return ResolvedDocument(fetch)


def fetching_lists(issuer: str, get: Get = http_get) -> Callable[[str], str]:
    """Return how the status lists of an issuer are fetched.

    Args:
        issuer: DID of the badge's issuer.
        get: fetches.
    """

    def fetch(url: str) -> str:
        try:
            if not _may_fetch(url, issuer):
                raise ValueError("its address is not one that may be fetched")
            return get(url).decode("ascii")
        except (OSError, ValueError, httpx.InvalidURL) as error:
            raise Refused(
                Fault.STATUS_UNAVAILABLE,
                f"Whether it was revoked could not be learned: {error}",
            ) from error

    return fetch


def _may_fetch(url: str, issuer: str) -> bool:
    if is_loopback(url):
        return url.startswith(("http://", "https://")) and is_loopback(document_url(issuer))
    return url.startswith("https://")
