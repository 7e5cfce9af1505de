"""Upstream: the real API server, as the learner whose step is run."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from graders.kubeconfig import Kubeconfig
from graders.rehearsal.mutation.writes import Request

SECONDS = 60.0
"""How long an answer that is not a watch may take; a webhook of a solution may take half of it."""
_HOP = {"connection", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
_JSON = {"Accept": "application/json", "Content-Type": "application/json"}


class Upstream:
    """One API server; each thread has a connection of its own."""

    def __init__(self, kubeconfig: Kubeconfig) -> None:
        self._kubeconfig = kubeconfig
        self._of_thread = threading.local()
        self._all: list[http.client.HTTPSConnection] = []

    def send(self, request: Request) -> http.client.HTTPResponse:
        """Send a request and return the answer, whose content is still to be read.

        Raises:
            OSError, http.client.HTTPException: there is no answer.
        """
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP}
        connection = self._connection()
        try:
            connection.request(request.method, request.url, request.content or None, headers)
            return connection.getresponse()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def close(self) -> None:
        """Close the connection of this thread."""
        self._connection().close()

    def end(self) -> None:
        """End every request under way, such as a watch, and close the connection of this thread."""
        for connection in self._all:
            if connection.sock is not None:
                with suppress(OSError):  # the thread that reads from it notices, and closes it
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
        self.close()

    def ask(
        self, method: str, path: str, document: Any = None, query: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Send a document, or none, and return status and answer."""
        content = b"" if document is None else json.dumps(document).encode()
        token = self._kubeconfig.token
        headers = {**_JSON, **({"Authorization": f"Bearer {token}"} if token else {})}
        return self.answer(Request(method, path, query, headers, content))

    def answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        """Send a request and return status and answer, whatever form it was asked for in."""
        plain = {k: v for k, v in request.headers.items() if not _decides_the_form(k)}
        headers: Mapping[str, str] = {**plain, "Accept": "application/json"}
        with self.send(replace(request, headers=headers)) as response:
            content = response.read()
        try:
            answer = json.loads(content)
        except ValueError:
            answer = {}
        return response.status, answer if isinstance(answer, dict) else {}

    def _connection(self) -> http.client.HTTPSConnection:
        if not hasattr(self._of_thread, "connection"):
            address = urlsplit(self._kubeconfig.server)
            assert address.hostname is not None
            self._of_thread.connection = http.client.HTTPSConnection(
                address.hostname, address.port, timeout=SECONDS, context=self._kubeconfig.tls
            )
            self._all.append(self._of_thread.connection)
        connection: http.client.HTTPSConnection = self._of_thread.connection
        return connection


def _decides_the_form(header: str) -> bool:
    return header.lower() in ("accept", "accept-encoding")
