"""What the runner asks of its cluster for a Pod: what it refers to, tokens, and events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from clusters.podrunner.api import Api, Refused
from clusters.podrunner.environment import Missing
from clusters.podrunner.volumes import data_of

COMPONENT = "assay-podrunner"
_REMEMBERED = 10.0
"""Seconds for which a ConfigMap or Secret is taken to be what it was."""
_TOKEN_SECONDS = 3607
_RENEWED = 0.8
_PATIENCE = 30.0
_COLLECTIONS = {"ConfigMap": "configmaps", "Secret": "secrets"}

T = TypeVar("T")


class ClusterView:
    """Asks for what Pods refer to; its plain methods are for threads beside the event loop."""

    def __init__(self, api: Api, loop: asyncio.AbstractEventLoop) -> None:
        """Ask by a connection that lives in an event loop."""
        self._api = api
        self._loop = loop
        self._held: dict[tuple[str, str, str], tuple[float, Mapping[str, bytes] | None]] = {}
        self._tokens: dict[tuple[str, str, int], tuple[float, str]] = {}

    def held(self, namespace: str, kind: str, name: str) -> Mapping[str, bytes] | None:
        """Return what a ConfigMap or Secret holds; None where there is none.

        Raises:
            Missing: it cannot be had at the moment.
        """
        key = (namespace, kind, name)
        known = self._held.get(key)
        if known is None or known[0] < time.monotonic() - _REMEMBERED:
            path = f"/api/v1/namespaces/{namespace}/{_COLLECTIONS[kind]}/{name}"
            document = self._wait(self._api.find(path))
            content = None if document is None else data_of({**document, "kind": kind})
            if content is None:
                return None  # one that is missing is asked for again
            self._held[key] = known = (time.monotonic(), content)
        return known[1]

    def services(self, namespace: str, *, all_of_them: bool) -> list[dict[str, Any]]:
        """Return the Services that a container is told of: the API server's, and its neighbours."""
        found = []
        kubernetes = self._wait(self._api.find("/api/v1/namespaces/default/services/kubernetes"))
        if kubernetes:
            found.append(kubernetes)
        if all_of_them:
            path = f"/api/v1/namespaces/{namespace}/services"
            found += self._wait(self._api.get(path))["items"]
        return found

    def token(self, pod: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
        """Return a token of the Pod's account, bound to the Pod; a new one in time.

        Raises:
            Missing: the API server gives none.
        """
        metadata, account = pod["metadata"], pod["spec"].get("serviceAccountName") or "default"
        seconds = int(reference.get("expirationSeconds") or _TOKEN_SECONDS)
        audience = reference.get("audience") or ""
        key = (metadata["uid"], audience, seconds)
        known = self._tokens.get(key)
        if known is None or known[0] < time.monotonic():
            bound = {
                "kind": "Pod",
                "apiVersion": "v1",
                "name": metadata["name"],
                "uid": metadata["uid"],
            }
            request = {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {
                    "audiences": [audience] if audience else [],
                    "expirationSeconds": seconds,
                    "boundObjectRef": bound,
                },
            }
            path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
            answer = self._wait(self._api.create(path, request))
            lasting = time.monotonic() + seconds * _RENEWED
            self._tokens[key] = known = (lasting, answer["status"]["token"])
        return known[1]

    def forget(self, uid: str) -> None:
        """Forget the tokens of a Pod that has gone."""
        self._tokens = {key: value for key, value in self._tokens.items() if key[0] != uid}

    async def tell(self, pod: Mapping[str, Any], kind: str, reason: str, message: str) -> None:
        """Make an event about a Pod; nobody waits for it, and it may fail."""
        metadata = pod["metadata"]
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name'][:200]}.{uuid4().hex[:16]}",
                "namespace": metadata["namespace"],
            },
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "type": kind,
            "reason": reason,
            "message": message[:1000],
            "source": {"component": COMPONENT, "host": pod["spec"].get("nodeName", "")},
            "firstTimestamp": now[:19] + "Z",
            "lastTimestamp": now[:19] + "Z",
            "count": 1,
        }
        try:
            await self._api.create(f"/api/v1/namespaces/{metadata['namespace']}/events", event)
        except (Refused, httpx.TransportError):
            pass

    def _wait(self, asked: Coroutine[Any, Any, T]) -> T:
        """Wait, in a thread beside the event loop, for what only the loop can ask."""
        try:
            return asyncio.run_coroutine_threadsafe(asked, self._loop).result(_PATIENCE)
        except (Refused, httpx.TransportError, TimeoutError) as error:
            raise Missing(f"the API server does not say: {error}") from error
