"""FakeHub: the hub and the proctor as far as the site talks to them, on a loopback port."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import closing
from queue import Queue
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from clusters.errors import AssayError, NotFound
from graders.ledger import (
    AppealCase,
    Effect,
    Ledger,
    Override,
    open_ledger,
)

LEARN = "custom:labs:learn"
AUTHOR = "custom:labs:author"
CERTIFY = "custom:labs:certify"
ACCESS = "access:services!service=web"


class _Quiet(WSGIRequestHandler):
    """Writes no log: addresses hold codes."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class FakeHub:
    """The hub's API as far as the site uses it, and the proctor's, on a loopback port.

    It is as strict as the real one: codes work once, for their client, address and verifier.
    """

    client_id = "service-web"
    api_token = "token-of-the-service"

    def __init__(self) -> None:
        self.people: dict[str, list[str]] = {}
        """Scopes by name."""
        self.tokens: dict[str, str] = {}
        """Names by token."""
        self.codes: dict[str, dict[str, str]] = {}
        self.in_browser = ""
        """Who is signed in at the hub in a browser that comes to `authorize`."""
        self.asked = 0
        """How often somebody asked whose token it is."""
        self.clusters: dict[str, Any] = {}
        """What the proctor says of clusters."""
        self.extended: list[tuple[str, str]] = []
        self.checkpoints: list[dict[str, str]] = []
        self.resets: list[tuple[str, str, str | None]] = []
        """Attempt, name of whoever took its cluster back, and to before which task."""
        self.finished: list[tuple[str, str]] = []
        """Attempt and name of whoever finished it."""
        self.tickets: dict[str, tuple[str, str]] = {}
        """Attempt and name of whoever may follow it, by ticket."""
        self.followed: list[Queue[str]] = []
        """For each browser that follows an attempt, the kinds of events to send it."""
        self.refusal = ""
        """What the proctor says instead of doing what it is asked."""
        self.site: Any = None
        """An app that answers everything that is not the hub, for browsers."""
        self._server = make_server(
            "127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.port}"

    def close(self) -> None:
        for browser in self.followed:
            browser.put("")
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, name: str, *scopes: str) -> None:
        """Add somebody with these scopes, or change theirs."""
        self.people[name] = list(scopes)

    def token_of(self, name: str) -> str:
        """Return a new token of somebody, as from the page /hub/token."""
        token = secrets.token_hex(8)
        self.tokens[token] = name
        return token

    def authorize(self, address: str, name: str) -> str:
        """Play the hub's authorize page for somebody signed in; return where it sends them."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == self.client_id
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256", "the hub demands PKCE"
        code = secrets.token_hex(8)
        self.codes[code] = {**asked, "name": name}
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def _answer(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        parts = request.path.strip("/").split("/")
        if parts == ["hub", "api", "user"]:
            reply = self._user(request)
        elif parts == ["hub", "api", "oauth2", "token"]:
            reply = self._token(request)
        elif parts == ["hub", "api", "oauth2", "authorize"]:
            location = self.authorize(request.url, self.in_browser)
            reply = Response(status=302, headers={"Location": location})
        elif parts[:2] == ["services", "proctor"]:
            reply = self._proctor(request, parts[2:])
        elif self.site is not None and parts[0] != "hub":
            return self.site(environ, start_response)
        else:
            reply = _json({"status": 404}, 404)
        return reply(environ, start_response)

    def _user(self, request: Request) -> Response:
        self.asked += 1
        if _token_in(request) == self.api_token:
            return _json({"kind": "service", "name": "web", "scopes": [ACCESS, LEARN]})
        name = self.tokens.get(_token_in(request))
        if name is None:
            return _json({"status": 403, "message": "Forbidden"}, 403)
        return _json({"kind": "user", "name": name, "scopes": self.people[name], "groups": []})

    def _token(self, request: Request) -> Response:
        form = request.form
        code = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        good = (
            code is not None
            and form.get("client_secret") == self.api_token
            and form.get("redirect_uri") == code["redirect_uri"]
            and challenge == code["code_challenge"]
        )
        if not good or code is None:
            return _json({"error": "invalid_grant"}, 400)
        return _json({"access_token": self.token_of(code["name"]), "token_type": "Bearer"})

    def _events(self, request: Request, attempt: str) -> Response:
        ticket = request.cookies.get("assay-ticket", "")
        if self.tickets.get(ticket, ("", ""))[0] != attempt:
            return _json({"status": 401}, 401)
        kinds: Queue[str] = Queue()
        self.followed.append(kinds)

        def stream() -> Iterator[bytes]:
            yield b": hello\n\n"
            while kind := kinds.get(timeout=60):
                yield f"event: {kind}\ndata: {{}}\n\n".encode()

        return Response(stream(), mimetype="text/event-stream")

    def _proctor(self, request: Request, parts: list[str]) -> Response:
        name = self.tokens.get(_token_in(request), "nobody")
        if self.refusal:
            return _json({"status": 503, "detail": self.refusal}, 503)
        if parts == ["clusters"]:
            return _json(self.clusters)
        if parts[2] == "extend":
            self.extended.append((parts[1], name))
            return _json({"id": parts[1], "state": "open"})
        if parts[2] == "checkpoints":
            return _json(self.checkpoints)
        if parts[2] == "reset":
            self.resets.append((parts[1], name, request.get_json()["to"]))
            return _json({"to": "", "after": "", "taken_at": "2026-01-01T09:00:00.000001Z"})
        if parts[2] == "events":
            return self._events(request, parts[1])
        if parts[2] == "tickets":
            self.tickets[ticket := secrets.token_hex(8)] = (parts[1], name)
            return _json({"ticket": ticket, "seconds": 60.0})
        if parts[2] == "finish":
            self.finished.append((parts[1], name))
            return _json({"id": parts[1], "state": "finished"})
        with closing(open_ledger()) as ledger:
            try:
                return _json(_record(ledger, name, parts, request.get_json()).to_json(), 201)
            except AssayError as error:
                return _json({"status": 422, "detail": str(error)}, 422)


def _record(ledger: Ledger, name: str, parts: list[str], said: Any) -> AppealCase | Override:
    """Do what the proctor does with an appeal, an answer or an override."""
    match parts:
        case ["attempts", attempt, "appeals"]:
            return ledger.add_appeal(attempt, said["task"], said["text"])
        case ["appeals", id, "answer"]:
            return ledger.answer_appeal(
                id, instructor=name, accepted=said["accepted"], text=said["text"]
            )
        case ["attempts", attempt, "overrides"]:
            return ledger.add_override(
                attempt,
                said["task"],
                Effect(said["effect"]),
                instructor=name,
                reason=said["reason"],
            )
        case _:
            raise NotFound("no such address")


def _token_in(request: Request) -> str:
    return request.headers.get("Authorization", "").partition(" ")[2]


def _json(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status, content_type="application/json")
