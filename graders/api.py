"""ApiServer: requests to one Kubernetes API server, and what its refusals mean.

Every failure to look becomes a GradingError; a refusal that can be an answer (403 of an admission
rule, 404, 409, 422) is `Refusal`, and its caller decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import urllib3

from graders.connections import connections_to
from graders.errors import ClusterUnreachable, CredentialRefused, GradingError, RequestInvalid
from graders.kubeconfig import Kubeconfig, load_kubeconfig

USER_AGENT = "assay-grader"
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 10.0
_WRITE_SECONDS = 35.0
"""A learner's webhook may take 30 s (the API's limit) before the server answers."""
_PAGE = 500
FETCH_LIMIT = 1 << 20
"""Bytes of an answer that is no object of the API."""
_NOT_MODIFIED = 304
_STALE_LIST = 410
"""The page token is too old: the list must be read again from the start."""


class Refusal(GradingError):
    """The API server understood a request and said no; where it is no answer, it is our error.

    Attributes:
        code: HTTP status.
        message: the server's own words.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"The API server refused ({code}): {message}")
        self.code = code
        self.message = message


class Fetched(NamedTuple):
    """What a path answered."""

    status: int
    headers: Mapping[str, str]
    """Their names in lower case."""
    content: bytes

    @property
    def text(self) -> str:
        """The content as a text."""
        return self.content.decode("utf-8", errors="replace")


class ApiServer:
    """One API server, as one user. Close it, or use it as a context manager.

    Args:
        kubeconfig: where it is, and as whom.
        connections: those of another ApiServer of the same kubeconfig, to go on using; they stay
            open when this one is closed.
    """

    def __init__(
        self, kubeconfig: Kubeconfig, connections: urllib3.PoolManager | None = None
    ) -> None:
        self.server = kubeconfig.server
        self._borrowed = connections is not None
        self.connections = connections or connections_to(kubeconfig)
        self._headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
        if kubeconfig.token:
            self._headers["Authorization"] = f"Bearer {kubeconfig.token}"

    @classmethod
    def from_file(cls, path: Path) -> ApiServer:
        """Use the current context of a kubeconfig file.

        Raises:
            CredentialRefused: the file cannot be used.
        """
        return cls(load_kubeconfig(path))

    def __enter__(self) -> ApiServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, unless they are another one's."""
        if not self._borrowed:
            self.connections.clear()

    def get(
        self, path: str, query: Mapping[str, str] | None = None, accept: str = ""
    ) -> dict[str, Any]:
        """Read a path.

        Raises:
            Refusal: 4xx that can be an answer.
            GradingError: the server could not be asked.
        """
        return self._request("GET", path, query, accept=accept)

    def get_unless(self, path: str, etag: str, accept: str = "") -> tuple[dict[str, Any], str]:
        """Read a path unless it still is what it was.

        Args:
            path: one whose answers have an ETag.
            etag: of the answer that is known; empty where none is.
            accept: media types that are understood.

        Returns:
            The answer and its ETag; an empty answer where nothing changed.

        Raises:
            GradingError: as of `get`.
        """
        headers = {**self._headers, **({"Accept": accept} if accept else {})}
        if etag:
            headers["If-None-Match"] = etag
        answer = self._send("GET", path, None, headers=headers)
        if etag and answer.status == _NOT_MODIFIED:
            return {}, etag
        found = read_answer("GET", answer.status, answer.content)
        return found, answer.headers.get("etag", "")

    def post(
        self, path: str, body: Mapping[str, Any], query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Create an object, or ask a review; raises like `get`."""
        return self._request("POST", path, query, body=body)

    def delete(self, path: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Delete an object with DeleteOptions; raises like `get`."""
        return self._request("DELETE", path, body=options)

    def fetch(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Fetched:
        """Read whatever a path answers, JSON or not, whatever its status: a proxied Service.

        Args:
            path: of the API server.
            query: goes after the path.
            body: is posted as JSON; without one it is a GET.

        Raises:
            GradingError: the server could not be asked, or the answer is too long to read.
        """
        headers = {**self._headers, "Accept": "*/*"}
        if body is None:
            return self._send("GET", path, query, headers=headers, limit=FETCH_LIMIT)
        headers["Content-Type"] = "application/json"
        return self._send("POST", path, query, headers=headers, body=body, limit=FETCH_LIMIT)

    def pages(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        """Read a list page by page; raises like `get`."""
        token = ""
        while True:
            page_query = {**(query or {}), "limit": str(_PAGE)}
            page = self.get(path, {**page_query, "continue": token} if token else page_query)
            yield page
            token = page.get("metadata", {}).get("continue", "")
            if not token:
                return

    def items(
        self, path: str, query: Mapping[str, str] | None = None
    ) -> tuple[list[dict[str, Any]], str]:
        """Return every item of a list and the list's resourceVersion; raises like `get`."""
        try:
            pages = list(self.pages(path, query))
        except Refusal as refusal:
            if refusal.code != _STALE_LIST:
                raise
            pages = list(self.pages(path, query))
        items = [item for page in pages for item in page.get("items") or ()]
        return items, pages[0].get("metadata", {}).get("resourceVersion", "")

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        accept: str = "",
    ) -> dict[str, Any]:
        headers = {**self._headers, **({"Accept": accept} if accept else {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = self._send(method, path, query, headers=headers, body=body)
        return read_answer(method, answer.status, answer.content)

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        *,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> Fetched:
        url = self.server + path + (f"?{urlencode(query)}" if query else "")
        seconds = _READ_SECONDS if method == "GET" else _WRITE_SECONDS
        try:
            response = self.connections.request(
                method,
                url,
                headers=headers,
                body=None if body is None else json.dumps(body).encode(),
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=seconds),
                redirect=False,
                preload_content=limit is None,
            )
            content = response.data if limit is None else response.read(limit + 1)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            reason = _say_why(error, seconds)
            raise ClusterUnreachable(f"The API server does not answer: {reason}") from error
        if limit is not None and len(content) > limit:
            response.close()
            raise GradingError(f"{path} answers with more than {limit >> 10} KiB")
        response.release_conn()
        headers_found = {name.lower(): value for name, value in response.headers.items()}
        return Fetched(response.status, headers_found, content)


def read_answer(method: str, status: int, content: bytes) -> dict[str, Any]:
    """Return the document that the API server answered; raises like `ApiServer.get`."""
    try:
        document = json.loads(content)
    except ValueError:
        document = {"message": content[:200].decode(errors="replace").strip()}
    if status < 300 and isinstance(document, dict):
        return document
    message = str(document.get("message", "")) if isinstance(document, dict) else ""
    if status == 401:
        raise CredentialRefused("The API server does not accept the grader's credential (401)")
    if status == 403 and method == "GET":
        raise CredentialRefused(f"The API server does not let the grader read (403): {message}")
    if status in (400, 405, 406, 413, 415):
        raise RequestInvalid(f"The API server cannot use this request ({status}): {message}")
    if 400 <= status < 500 and status != 429:
        raise Refusal(status, message)
    if "failed calling webhook" in message:
        raise Refusal(status, message)
    raise ClusterUnreachable(f"The API server answered {status}: {message or 'nothing more'}")


def _say_why(error: Exception, seconds: float) -> str:
    match error:
        case urllib3.exceptions.NewConnectionError():
            return "connection refused"
        case urllib3.exceptions.ConnectTimeoutError():
            return f"no connection within {_CONNECT_SECONDS:.0f} s"
        case urllib3.exceptions.TimeoutError():
            return f"no answer within {seconds:.0f} s"
        case urllib3.exceptions.SSLError():
            return "it does not prove to be this cluster's (TLS), or refuses the grader's"
        case _:
            return "the connection was cut"
