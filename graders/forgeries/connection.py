"""Connection: requests to the API server with a learner's credential, in any disguise it allows."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import urllib3
import yaml

from clusters.errors import AssayError
from graders.forgeries.work import Document
from graders.kubeconfig import load_kubeconfig

JSON = "application/json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
_SECONDS = 35.0
"""Longer than the API server waits for any webhook."""
_QUIET_SECONDS = 0.5
"""A watch is begun again after so long without news, to see whether it is still wanted."""


class StepRefused(AssayError):
    """The cluster refused what a forgery is made of."""


class Who(NamedTuple):
    """Whom the learner pretends to be; nobody else when everything is empty."""

    user: str = ""
    groups: tuple[str, ...] = ()
    token: str = ""
    """Used in place of the learner's certificate."""


LEARNER = Who()


class Answer(NamedTuple):
    """What the API server answered."""

    code: int
    document: Document

    @property
    def succeeded(self) -> bool:
        """Whether the API server did it."""
        return 200 <= self.code < 300


class Connection:
    """One API server, as the learner."""

    def __init__(self, kubeconfig: Path) -> None:
        config = load_kubeconfig(kubeconfig)
        self._server = config.server
        self._http = urllib3.PoolManager(ssl_context=config.tls, retries=False, maxsize=8)
        self._without_key = urllib3.PoolManager(ssl_context=_trusting(kubeconfig), retries=False)

    def close(self) -> None:
        """Close what is open."""
        self._http.clear()
        self._without_key.clear()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: Who = LEARNER,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> Answer:
        """Send one request; a refusal is an answer too.

        Raises:
            StepRefused: there was no answer.
        """
        http = self._without_key if who.token else self._http
        try:
            response = http.request(
                method,
                self._server + path + (f"?{urlencode(query)}" if query else ""),
                body=None if body is None else json.dumps(body).encode(),
                headers=_headers(who, content_type),
                timeout=urllib3.Timeout(connect=5, read=_SECONDS),
            )
        except urllib3.exceptions.HTTPError as error:
            raise StepRefused(f"{method} {path} got no answer: {type(error).__name__}") from error
        return Answer(response.status, _document(response.data))

    def must(self, method: str, path: str, body: Any = None, **how: Any) -> Document:
        """Send one request that the cluster has to take.

        Raises:
            StepRefused: it did not.
        """
        answer = self.ask(method, path, body, **how)
        if not answer.succeeded:
            reason = answer.document.get("message", "no reason given")
            raise StepRefused(f"{method} {path} was refused ({answer.code}): {reason}")
        return answer.document

    def news(
        self, path: str, query: Mapping[str, str], over: threading.Event
    ) -> Iterator[Document]:
        """Yield each object as it comes or changes, until `over`."""
        version = self.must("GET", path, query=query)["metadata"]["resourceVersion"]
        while not over.is_set():
            for document in self._watch(path, {**query, "resourceVersion": version}):
                version = document["metadata"]["resourceVersion"]
                yield document

    def _watch(self, path: str, query: Mapping[str, str]) -> Iterator[Document]:
        response = self._http.request(
            "GET",
            f"{self._server}{path}?{urlencode({**query, 'watch': 'true'})}",
            preload_content=False,
            timeout=urllib3.Timeout(connect=5, read=_QUIET_SECONDS),
        )
        rest = b""
        with suppress(urllib3.exceptions.HTTPError):  # so long without news
            for chunk in response.stream(amt=None):
                *lines, rest = (rest + chunk).split(b"\n")
                for event in map(json.loads, lines):
                    if event["type"] in ("ADDED", "MODIFIED"):
                        yield event["object"]
        response.close()


def _headers(who: Who, content_type: str) -> urllib3.HTTPHeaderDict:
    headers = urllib3.HTTPHeaderDict({"Content-Type": content_type, "User-Agent": "kubectl"})
    if who.token:
        headers["Authorization"] = f"Bearer {who.token}"
    if who.user:
        headers["Impersonate-User"] = who.user
    for group in who.groups:
        headers.add("Impersonate-Group", group)
    return headers


def _document(content: bytes) -> Document:
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    message = content[:200].decode(errors="replace")
    return document if isinstance(document, dict) else {"message": message}


def _trusting(kubeconfig: Path) -> ssl.SSLContext:
    """Return a context that trusts the cluster and shows no certificate, for tokens."""
    cluster = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"])
    return ssl.create_default_context(cadata=authority.decode("ascii"))
