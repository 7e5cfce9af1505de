"""`assay badge verify` on another machine than the issuer's: keys and list come from its site."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from web.credentials import IssuerKey, read_token
from web.credentials.did import did_document, key_url
from web.credentials.status import status_list
from web.credentials.token import sign

if TYPE_CHECKING:
    from tests.web.badges.conftest import Assay, Classroom


class FakeSite:
    """The files of an issuer's site, on a loopback port."""

    def __init__(self, key: IssuerKey) -> None:
        self.key = key
        self.revoked: list[int] = []
        self.ends = timedelta(hours=1)
        self.answers = True
        self._server = make_server(
            "127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.port}"
        self.did = f"did:web:127.0.0.1%3A{self._server.port}:services:web"

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        return self._file(Request(environ).path)(environ, start_response)

    def _file(self, path: str) -> Response:
        if path == "/services/web/did.json":
            return Response(json.dumps(did_document(self.did, self.key.public)))
        if path == "/services/web/status/1" and self.answers:
            url, now = f"{self.url}/services/web/status/1", datetime.now(UTC)
            begin = now - timedelta(days=2)
            payload = status_list(self.did, url, self.revoked, begin, now + self.ends)
            return Response(sign(payload, self.key, key_url(self.did, self.key.public)))
        return Response(status=404)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site(classroom: Classroom, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    site = FakeSite(classroom.issuer.key)
    monkeypatch.setenv("ASSAY_PUBLIC_URL", site.url)
    yield site
    site.close()


@pytest.fixture
def far_badge(
    assay: Assay,
    classroom: Classroom,
    site: FakeSite,
    elsewhere: Callable[[], None],
    tmp_path: File,
) -> File:
    """A badge whose issuer is `site`, on a machine that never issued one."""
    classroom.complete("carol")
    assert classroom.path.id == "devices"
    file = tmp_path / "carol.svg"
    command = ("badge", "issue", "--learner", "carol", "--path", "devices", "--output", file)
    assert assay(*command).code == 0
    elsewhere()
    return file


def test_elsewhere_keys_and_list_come_from_the_site_of_the_issuer(
    assay: Assay, far_badge: File, site: FakeSite, classroom: Classroom
) -> None:
    valid = assay("badge", "verify", far_badge, "--json")
    place = read_token(classroom.store.awards("carol")[0].credential).payload["credentialStatus"]
    site.revoked.append(int(place["statusListIndex"]))
    revoked = assay("badge", "verify", far_badge)

    assert valid.code == 0
    assert valid.document["status"] == "good"
    assert valid.document["badge"]["issuer"] == site.did
    assert revoked.code == 1
    assert "The issuer has revoked it" in revoked.out


def test_a_list_that_has_ended_fails_the_badge(
    assay: Assay, far_badge: File, site: FakeSite
) -> None:
    site.ends = timedelta(days=-1)

    said = assay("badge", "verify", far_badge)

    assert said.code == 1
    assert "a newer revocation may be missing" in said.out


def test_a_list_that_is_gone_fails_the_badge(assay: Assay, far_badge: File, site: FakeSite) -> None:
    site.answers = False

    said = assay("badge", "verify", far_badge)

    assert said.code == 1
    assert "Whether it was revoked could not be learned: 127.0.0.1 answered 404" in said.out


def test_a_host_that_is_down_is_said_in_one_sentence(
    assay: Assay, far_badge: File, site: FakeSite
) -> None:
    site.close()

    said = assay("badge", "verify", far_badge)

    assert said.code == 1
    assert f"The keys of {site.did} could not be fetched: 127.0.0.1 does not answer" in said.out
