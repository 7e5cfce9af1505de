"""The few requests that creating a cluster makes to its API server."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from clusters.errors import ClusterError
from clusters.providers.embedded.ports import LOOPBACK

TIMEOUT = 10.0
"""Seconds for one answer."""
_GOOD = ("Available", "Established", "Ready")
"""Conditions by which objects say that what they stand for works."""
_AT_ONCE = 2
"""Requests under way at the same time, where there are many; one more would wait for a processor of
a small machine, and each has to shake hands first."""
_MERGE_PATCH = "application/merge-patch+json"


class NoAnswerError(ClusterError):
    """The API server did not answer in time; it may do what it was asked for all the same."""


class ApiServer:
    """A connection to one API server with one identity."""

    def __init__(
        self, port: int, authority: Path, certificate: Path, door: Path | None = None
    ) -> None:
        """Prepare a connection; nothing is sent yet.

        Args:
            port: loopback port.
            authority: certificate of the cluster's authority.
            certificate: client certificate and key in one file.
            door: unix socket to connect to in place of the port.
        """
        self._kinds: dict[str, list[dict[str, Any]]] = {}
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(str(certificate))
        self._way = os.open(door.parent, os.O_PATH | os.O_CLOEXEC) if door else None
        # By way of the open folder: the path of a socket may have 107 bytes, and a folder lie deep.
        path = None if door is None else f"/proc/self/fd/{self._way}/{door.name}"
        self._client = httpx.Client(
            base_url=f"https://{LOOPBACK}:{port}",
            transport=httpx.HTTPTransport(verify=context, uds=path, trust_env=False),
            timeout=TIMEOUT,
            trust_env=False,
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

    def ensure_all(self, wanted: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Create objects, each given with its collection, in no order and several at a time.

        Raises:
            ClusterError: the API server refused one, or does not answer.
        """
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(lambda pair: self.ensure(*pair), wanted))

    def collection_of(self, manifest: dict[str, Any]) -> str:
        """Return the path that an object of this kind and namespace is created at.

        Raises:
            ClusterError: the API server does not know the kind.
        """
        version, kind = manifest["apiVersion"], manifest["kind"]
        group = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if group not in self._kinds:
            self._kinds[group] = self.get(group)["resources"]
        for known in self._kinds[group]:
            if known["kind"] == kind and "/" not in known["name"]:
                space = manifest["metadata"].get("namespace", "default")
                within = f"/namespaces/{space}" if known["namespaced"] else ""
                return f"{group}{within}/{known['name']}"
        raise ClusterError(f"the API server does not know the kind {kind} of {version}")

    def token_of(self, namespace: str, account: str, seconds: int) -> str:
        """Return a new token of a ServiceAccount.

        Raises:
            ClusterError: there is no such account, or the API server does not answer.
        """
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        asked = {"spec": {"expirationSeconds": seconds}}
        return str(self._expect("POST", path, asked)["status"]["token"])

    def holds(self, path: str) -> bool:
        """Say whether an object's conditions say that it works; False while nothing answers."""
        try:
            conditions = self.get(path).get("status", {}).get("conditions") or []
        except ClusterError:
            return False
        return any(c["type"] in _GOOD and c["status"] == "True" for c in conditions)

    def patch(self, path: str, change: dict[str, Any]) -> None:
        """Change an object by a merge patch (RFC 7396).

        Raises:
            ClusterError: the API server refused or does not answer.
        """
        self._expect("PATCH", path, change)

    def remove(self, path: str) -> None:
        """Delete an object.

        Raises:
            ClusterError: the API server refused or does not answer.
        """
        self._expect("DELETE", path)

    def has(self, path: str) -> bool:
        """Say whether an object is there; False while nothing answers."""
        return self._status("GET", path) == httpx.codes.OK

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
        if self._way is not None:
            os.close(self._way)
            self._way = None

    def _status(self, method: str, path: str, body: dict[str, Any] | None = None) -> int:
        try:
            return self._client.request(method, path, json=body).status_code
        except httpx.TransportError:
            return 0

    def _expect(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            headers = {"Content-Type": _MERGE_PATCH} if method == "PATCH" else None
            response = self._client.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            said = f"the API server did not answer {method} {path}: {error}"
            raise NoAnswerError(said) from error
        if response.is_error and response.status_code != httpx.codes.CONFLICT:
            reason = response.text[:300]
            raise ClusterError(f"the API server refused {method} {path}: {reason}")
        document: dict[str, Any] = response.json()
        return document
