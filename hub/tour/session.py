"""A learner's session with the hub and the site, spoken as a browser speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from clusters.errors import AssayError

SPAWN_SECONDS = 300
"""How long a lab may take to start on a slow machine."""


class StoryBroken(AssayError):
    """Something in the story was not true; the sentence says what."""

    exit_code = 1


class LearnerSession:
    """Signs in, starts labs, reads pages. Holds the cookies a browser would hold."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url.rstrip("/")
        self.name = name
        self._http = httpx.Client(base_url=self.url, follow_redirects=True, timeout=60)

    def sign_in(self, password: str) -> None:
        """Fill in the sign-in form.

        Raises:
            StoryBroken: the hub does not accept the password.
        """
        self._http.get("/hub/login").raise_for_status()
        reply = self._http.post(
            "/hub/login",
            params={"_xsrf": self._xsrf()},
            data={"username": self.name, "password": password, "_xsrf": self._xsrf()},
        )
        if reply.status_code != 200 or reply.url.path.endswith("/hub/login"):
            raise StoryBroken(f"the hub did not accept the sign-in of {self.name}")

    def start_lab(self, slug: str) -> None:
        """Ask the hub for the lab's notebook server; `phases` tells when it is ready.

        Raises:
            StoryBroken: the hub refuses.
        """
        reply = self._http.post(
            f"/hub/api/users/{self.name}/servers/{slug}",
            json={"user_options": {"lab": slug}},
            headers=self._api_headers(),
        )
        if reply.status_code not in (201, 202):
            raise StoryBroken(f"the hub did not start {slug}: {reply.status_code} {reply.text}")

    def phases(self, slug: str) -> Iterator[dict[str, Any]]:
        """Yield the events of the spawn page until the notebook is ready.

        Raises:
            StoryBroken: the start failed, or the stream ended before the notebook was ready.
        """
        path = f"/hub/api/users/{self.name}/servers/{slug}/progress"
        headers = self._api_headers()
        with self._http.stream("GET", path, headers=headers, timeout=SPAWN_SECONDS) as reply:
            for line in reply.iter_lines():
                if not line.startswith("data:"):
                    continue
                event: dict[str, Any] = json.loads(line.removeprefix("data:"))
                if event.get("failed"):
                    raise StoryBroken(f"{slug} did not start: {event.get('message')}")
                yield event
                if event.get("ready"):
                    return
        raise StoryBroken(f"{slug} did not become ready")

    def api_token(self) -> str:
        """Ask the hub for a token, as a learner does on the page /hub/token."""
        reply = self._http.post(
            f"/hub/api/users/{self.name}/tokens",
            json={"note": "tour", "expires_in": 3600},
            headers=self._api_headers(),
        )
        reply.raise_for_status()
        return str(reply.json()["token"])

    def stop_server(self, slug: str) -> None:
        """Stop the notebook server of a lab."""
        self._http.delete(
            f"/hub/api/users/{self.name}/servers/{slug}", headers=self._api_headers()
        ).raise_for_status()

    def page(self, path: str) -> httpx.Response:
        """Open a page of the site; the first one walks through the OAuth sign-in.

        Raises:
            StoryBroken: the page does not answer 200.
        """
        reply = self._http.get(path)
        if reply.status_code != 200:
            raise StoryBroken(f"{path} answers {reply.status_code}")
        return reply

    def document(self, path: str) -> Any:
        """Read the JSON twin of a page."""
        return self.page(f"{path}?format=json").json()

    def _api_headers(self) -> dict[str, str]:
        return {"X-XSRFToken": self._xsrf(), "Referer": f"{self.url}/hub/home"}

    def _xsrf(self) -> str:
        paths = {c.path: c.value or "" for c in self._http.cookies.jar if c.name == "_xsrf"}
        return paths.get("/hub/", next(iter(paths.values()), ""))
