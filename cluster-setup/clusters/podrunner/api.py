"""The requests that the runner makes to its API server, with its own credential."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

STRATEGIC = "application/strategic-merge-patch+json"
_TIMEOUT = 30.0
_WATCH_SECONDS = 300
_GAP = 15.0
"""Seconds beyond which a watch that says nothing after its end has died."""


class Refused(Exception):
    """The API server refused a request."""

    def __init__(self, status: int, text: str) -> None:
        """Keep the status and the beginning of the reason."""
        self.status = status
        super().__init__(f"{status}: {text[:300]}")


class Api:
    """A connection with the identity of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        """Prepare a connection; nothing is sent yet."""
        document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as pair:  # for its owner alone, and gone at once
            for key in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[key]) + b"\n")
            pair.flush()
            context.load_cert_chain(pair.name)
        self._client = httpx.AsyncClient(
            base_url=cluster["server"],
            verify=context,
            timeout=_TIMEOUT,
            trust_env=False,
            limits=httpx.Limits(max_connections=20),
        )

    async def get(self, path: str) -> dict[str, Any]:
        """Read an object or a collection.

        Raises:
            Refused: the API server did not give it.
            httpx.TransportError: it did not answer.
        """
        return await self._ask("GET", path)

    async def find(self, path: str) -> dict[str, Any] | None:
        """Read an object; None where there is none."""
        try:
            return await self.get(path)
        except Refused as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    async def create(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""
        return await self._ask("POST", path, document)

    async def patch(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Change an object by a strategic merge patch."""
        return await self._ask("PATCH", path, document, STRATEGIC)

    async def delete(self, path: str, uid: str) -> None:
        """Delete an object of this uid at once; one that is gone or another's is left alone."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": uid},
        }
        try:
            await self._ask("DELETE", path, options)
        except Refused as error:
            if error.status not in (httpx.codes.NOT_FOUND, httpx.codes.CONFLICT):
                raise

    async def watch(self, path: str, version: str) -> AsyncIterator[dict[str, Any]]:
        """Yield what happens to a collection after a version, until the API server ends it.

        Raises:
            Refused: the version is too old, or the API server refuses otherwise.
            httpx.TransportError: the connection broke.
        """
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        patience = httpx.Timeout(_TIMEOUT, read=_WATCH_SECONDS + _GAP)
        async with self._client.stream("GET", path, params=query, timeout=patience) as response:
            if response.is_error:
                raise Refused(response.status_code, (await response.aread()).decode())
            async for line in response.aiter_lines():
                event: dict[str, Any] = json.loads(line)
                if event["type"] == "ERROR":
                    raise Refused(event["object"].get("code", 0), line)
                yield event

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def _ask(
        self,
        method: str,
        path: str,
        document: Mapping[str, Any] | None = None,
        kind: str = "application/json",
    ) -> dict[str, Any]:
        content = None if document is None else json.dumps(document)
        for patience in (0.2, 1.0, None):
            response = await self._client.request(
                method, path, content=content, headers={"Content-Type": kind}
            )
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS or patience is None:
                break
            await asyncio.sleep(patience)
        if response.is_error:
            raise Refused(response.status_code, response.text)
        answer: dict[str, Any] = response.json()
        return answer
