"""The few requests that creating a cluster makes to its API server.

The standard library's client: everything larger costs a third of a second of processor time to
import, while the API server that is starting wants the same processor.
"""

from __future__ import annotations

import http.client
import json
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

from clusters.errors import ClusterError
from clusters.providers.embedded.ports import LOOPBACK

TIMEOUT = 10.0
"""Seconds for one answer."""


class ApiServer:
    """A connection to one API server with one identity; not for several threads."""

    def __init__(self, port: int, authority: Path, certificate: Path) -> None:
        """Prepare a connection; nothing is sent yet.

        Args:
            port: loopback port.
            authority: certificate of the cluster's authority.
            certificate: client certificate and key in one file.
        """
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(str(certificate))
        self._connection = http.client.HTTPSConnection(
            LOOPBACK, port, timeout=TIMEOUT, context=context
        )

    def get(self, path: str) -> dict[str, Any]:
        """Read one object.

        Raises:
            ClusterError: the API server refused or does not answer.
        """
        return self._expect("GET", path, None, http.HTTPStatus.OK)

    def ensure(self, collection: str, manifest: dict[str, Any]) -> None:
        """Create an object, or leave the one of the same name as it is.

        Raises:
            ClusterError: the API server refused or does not answer.
        """
        self._expect(
            "POST", collection, manifest, http.HTTPStatus.CREATED, http.HTTPStatus.CONFLICT
        )

    def clear(self, collection: str) -> None:
        """Delete every object of a collection.

        Raises:
            ClusterError: the API server refused or does not answer.
        """
        self._expect("DELETE", collection, None, http.HTTPStatus.OK)

    def offer(self, collection: str, manifest: dict[str, Any]) -> None:
        """Try to create an object; whether it worked is not known."""
        with suppress(OSError, http.client.HTTPException):
            self._request("POST", collection, manifest)

    def accepts(self, collection: str, manifest: dict[str, Any]) -> bool:
        """Say whether an object would be created now, without creating it."""
        try:
            status, _ = self._request("POST", f"{collection}?dryRun=All", manifest)
        except (OSError, http.client.HTTPException):
            return False
        return status == http.HTTPStatus.CREATED

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _expect(
        self, method: str, path: str, body: dict[str, Any] | None, *wanted: http.HTTPStatus
    ) -> dict[str, Any]:
        try:
            status, answer = self._request(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            raise ClusterError(f"the API server did not answer {method} {path}: {error}") from error
        if status not in wanted:
            message = answer.get("message", status)
            raise ClusterError(f"the API server refused {method} {path}: {message}")
        return answer

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            content = None if body is None else json.dumps(body)
            self._connection.request(method, path, content, headers)
            with self._connection.getresponse() as response:
                return response.status, _parse(response.read())
        except BaseException:
            self._connection.close()
            raise


def _parse(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        return {"message": content.decode(errors="replace")[:200]}
    return document if isinstance(document, dict) else {}
