"""The store of a cluster: its etcd, read and written behind the back of a stopped API server.

etcd answers JSON over its socket beside gRPC (etcd's API guide, "gRPC gateway"); keys and values
are base64 there, and stay so here.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from clusters.errors import ClusterError

Contents = dict[str, str]
"""Values by key, both base64."""
OBJECTS = "/registry/"
"""What the keys of all objects begin with."""
_PAGE = 500
_OPERATIONS = 100
"""Of one transaction; etcd takes 128."""
_BYTES = 1 << 20
"""Of one transaction; etcd takes 1.5 MiB, in which an object of the largest size fits."""
_TIMEOUT = 30.0


class Store:
    """A connection to the etcd of one cluster."""

    def __init__(self, folder: Path) -> None:
        """Prepare a connection through the socket in a cluster's folder; nothing is sent yet."""
        self._way = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        # By way of the open folder: the path of a socket may have 107 bytes, and a folder lie deep.
        # No TLS on this way, so none of the host's authorities are read for it.
        transport = httpx.HTTPTransport(verify=False, uds=f"/proc/self/fd/{self._way}/etcd.sock")
        self._client = httpx.Client(
            base_url="http://etcd", transport=transport, timeout=_TIMEOUT, trust_env=False
        )

    def __enter__(self) -> Self:
        """Use the connection for a while."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._client.close()
        os.close(self._way)

    def answers(self) -> bool:
        """Say whether etcd serves, which it does a moment after its socket is there."""
        try:
            self._ask("/v3/kv/range", {"key": encoded(OBJECTS), "count_only": True})
        except ClusterError:
            return False
        return True

    def objects(self) -> Contents:
        """Return everything that the cluster holds, at one moment.

        Raises:
            ClusterError: etcd does not answer.
        """
        contents: Contents = {}
        end = encoded(OBJECTS.replace("registry/", "registry0"))
        page: dict[str, Any] = {"key": encoded(OBJECTS), "range_end": end, "limit": _PAGE}
        while True:
            found = self._ask("/v3/kv/range", page)
            contents.update((kv["key"], kv.get("value", "")) for kv in found.get("kvs", []))
            if not found.get("more"):
                return contents
            last = base64.b64decode(found["kvs"][-1]["key"])
            following = base64.b64encode(last + b"\0").decode()
            revision = page.get("revision", found["header"]["revision"])
            page = {**page, "key": following, "revision": revision}

    def write(self, changed: Mapping[str, str | None]) -> None:
        """Write values, and delete the keys of those that are None.

        Raises:
            ClusterError: etcd refused, or does not answer.
        """
        for operations in _transactions(changed):
            self._ask("/v3/kv/txn", {"success": operations})

    def _ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            response = self._client.post(path, json=body)
        except httpx.TransportError as error:
            raise ClusterError(f"etcd does not answer: {error}") from error
        if response.is_error:
            raise ClusterError(f"etcd refused: {response.text[:300]}")
        document: dict[str, Any] = response.json()
        return document


def encoded(key: str) -> str:
    """Return a key as etcd's JSON has it."""
    return base64.b64encode(key.encode()).decode()


def decoded(key: str) -> str:
    """Return what a key of etcd's JSON says."""
    return base64.b64decode(key).decode(errors="replace")


def _transactions(changed: Mapping[str, str | None]) -> Iterator[list[dict[str, Any]]]:
    """Yield operations in parts that etcd takes in one go."""
    operations: list[dict[str, Any]] = []
    size = 0
    for key, value in changed.items():
        size += len(value or "")
        if operations and (size > _BYTES or len(operations) == _OPERATIONS):
            yield operations
            operations, size = [], len(value or "")
        operations.append(_operation(key, value))
    if operations:
        yield operations


def _operation(key: str, value: str | None) -> dict[str, Any]:
    if value is None:
        return {"request_delete_range": {"key": key}}
    return {"request_put": {"key": key, "value": value}}
