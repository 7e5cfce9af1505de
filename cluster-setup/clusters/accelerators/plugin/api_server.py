"""The few requests that the driver makes to the API server."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import quote

import httpx

from clusters.accelerators.plugin.settings import Settings

TIMEOUT = 10.0
"""Seconds for one answer; the kubelet waits for 45."""
_DRA = "/apis/resource.k8s.io/v1"


class ApiServer:
    """A connection with the driver's identity. Every method raises httpx.HTTPError."""

    def __init__(self, settings: Settings) -> None:
        context = ssl.create_default_context(cafile=str(settings.authority))
        context.load_cert_chain(str(settings.certificate))
        self._client = httpx.Client(
            base_url=settings.server, verify=context, timeout=TIMEOUT, trust_env=False
        )

    def claim(self, namespace: str, name: str) -> dict[str, Any] | None:
        """Return a ResourceClaim, None when there is none."""
        path = f"{_DRA}/namespaces/{quote(namespace, safe='')}/resourceclaims/"
        return self._read(path + quote(name, safe=""))

    def claim_uids(self) -> frozenset[str]:
        """Return the uid of every ResourceClaim of the cluster."""
        items = self._ask("GET", f"{_DRA}/resourceclaims")["items"]
        return frozenset(item["metadata"]["uid"] for item in items)

    def node_uid(self, name: str) -> str | None:
        """Return the uid of a Node, None when there is none."""
        node = self._read(f"/api/v1/nodes/{quote(name, safe='')}")
        return None if node is None else str(node["metadata"]["uid"])

    def slices(self, driver: str) -> list[dict[str, Any]]:
        """Return the ResourceSlices of a driver."""
        selector = {"fieldSelector": f"spec.driver={driver}"}
        found = self._ask("GET", f"{_DRA}/resourceslices", params=selector)
        return list(found["items"])

    def create_slice(self, document: dict[str, Any]) -> None:
        """Create a ResourceSlice."""
        self._ask("POST", f"{_DRA}/resourceslices", json=document)

    def replace_slice(self, document: dict[str, Any]) -> None:
        """Replace a ResourceSlice, unless somebody changed it since it was read."""
        path = f"{_DRA}/resourceslices/{document['metadata']['name']}"
        self._ask("PUT", path, json=document)

    def delete_slice(self, name: str) -> None:
        """Delete a ResourceSlice; a missing one is no error."""
        answer = self._client.delete(f"{_DRA}/resourceslices/{name}")
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _read(self, path: str) -> dict[str, Any] | None:
        answer = self._client.get(path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        answer.raise_for_status()
        return dict(answer.json())

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self._client.request(method, path, **options)
        answer.raise_for_status()
        return dict(answer.json())
