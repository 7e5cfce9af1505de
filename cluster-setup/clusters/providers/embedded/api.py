"""The few requests that creating a cluster makes to its API server."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import httpx

from clusters.errors import ClusterError
from clusters.providers.embedded.ports import LOOPBACK

TIMEOUT = 10.0
"""Seconds for one answer."""


class ApiServer:
    """A connection to one API server with one identity."""

    def __init__(self, port: int, authority: Path, certificate: Path) -> None:
        """Prepare a connection; nothing is sent yet.

        Args:
            port: loopback port.
            authority: certificate of the cluster's authority.
            certificate: client certificate and key in one file.
        """
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(str(certificate))
        self._client = httpx.Client(
            base_url=f"https://{LOOPBACK}:{port}", verify=context, timeout=TIMEOUT, trust_env=False
        )

    def get(self, path: str) -> dict[str, Any]:
        """Read one object.

        Raises:
            ClusterError: the API server refused or does not answer.
        """
        return self._expect("GET", path)

    def identity(self) -> str:
        """Return the uid of the namespace `kube-system`, by which a cluster is known."""
        return str(self.get("/api/v1/namespaces/kube-system")["metadata"]["uid"])

    def ensure(self, collection: str, manifest: dict[str, Any]) -> None:
        """Create an object, or leave the one of the same name as it is.

        Raises:
            ClusterError: the API server refused or does not answer.
        """
        self._expect("POST", collection, manifest)

    def try_to_clear(self, collection: str) -> None:
        """Delete every object of a collection, unless something in the cluster forbids it."""
        self._status("DELETE", collection)

    def takes(self, collection: str, manifest: dict[str, Any]) -> bool:
        """Try to create an object and say whether it is there; False while nothing answers."""
        created, exists = httpx.codes.CREATED, httpx.codes.CONFLICT
        return self._status("POST", collection, manifest) in (created, exists)

    def would_take(self, collection: str, manifest: dict[str, Any]) -> bool:
        """Say whether an object would be created now, without creating it."""
        return self._status("POST", f"{collection}?dryRun=All", manifest) == httpx.codes.CREATED

    def ready(self) -> bool:
        """Say whether the API server has all that it makes for itself, its roles included."""
        return self._status("GET", "/readyz") == httpx.codes.OK

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _status(self, method: str, path: str, body: dict[str, Any] | None = None) -> int:
        try:
            return self._client.request(method, path, json=body).status_code
        except httpx.TransportError:
            return 0

    def _expect(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            raise ClusterError(f"the API server did not answer {method} {path}: {error}") from error
        if response.is_error and response.status_code != httpx.codes.CONFLICT:
            reason = response.text[:300]
            raise ClusterError(f"the API server refused {method} {path}: {reason}")
        document: dict[str, Any] = response.json()
        return document
