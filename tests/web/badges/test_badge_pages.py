"""Pages of badges: mine, the public ones, the issuer's files, and the form that verifies."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path as File
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import fromstring

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from web.award_store import Award
from web.badge_desk import BadgeDesk
from web.credentials import PinnedDocument, PinnedKey, read_badge, read_token, verify_badge
from web.credentials.token import sign

if TYPE_CHECKING:
    from tests.web.badges.conftest import Classroom

PREFIX = "/services/web"


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return {
        **settings,
        "ASSAY_PUBLIC_URL": "https://labs.example.org",
        "ASSAY_ISSUER_NAME": "Example Labs",
    }


@pytest.fixture
def desk(app: Flask) -> BadgeDesk:
    found: BadgeDesk = app.extensions["assay_badges"]
    return found


@pytest.fixture
def award(app: Flask, classroom: Classroom) -> Award:
    """A badge of ada's."""
    classroom.complete("ada")
    return classroom.office.issue("ada", classroom.path)


@pytest.fixture
def post(client: FlaskClient) -> Callable[..., TestResponse]:
    """Return a function that sends the form as a browser that is not signed in."""

    def send(**fields: Any) -> TestResponse:
        form = client.get(f"{PREFIX}/verify").text
        found = re.search(r'name="csrf_token" value="([^"]+)"', form)
        assert found is not None
        # Encoded here: the test client would leave a file of its own open.
        boundary, body = encode_multipart({"csrf_token": found[1], **fields})
        kind = f'multipart/form-data; boundary="{boundary}"'
        return client.post(f"{PREFIX}/verify", data=body, content_type=kind)

    return send


def test_a_learner_finds_the_badge_that_was_earned(ada: FlaskClient, classroom: Classroom) -> None:
    assert classroom.path.id == "devices"
    before = ada.get(f"{PREFIX}/badges?format=json").json
    classroom.complete("ada")

    after = ada.get(f"{PREFIX}/badges?format=json").json
    html = ada.get(f"{PREFIX}/badges").text

    assert before is not None
    assert before["badges"] == []
    assert [path["id"] for path in before["paths"]] == ["devices"]
    assert before["paths"][0]["missing"][0]["lab"] == "claim-a-gpu"
    assert after is not None
    [badge] = after["badges"]
    assert badge["name"] == "Devices on the API, Foundation"
    assert after["paths"] == []
    assert f'href="{PREFIX}/badges/{badge["id"]}.svg?download=1"' in html
    assert len(classroom.store.awards()) == 1


def test_badges_of_others_are_not_among_mine(
    ada: FlaskClient, grace: FlaskClient, award: Award
) -> None:
    assert award.id in ada.get(f"{PREFIX}/badges").text
    assert award.id not in grace.get(f"{PREFIX}/badges").text


def test_my_badges_ask_for_a_sign_in(client: FlaskClient) -> None:
    assert client.get(f"{PREFIX}/badges").status_code == 302


def test_a_ledger_in_doubt_is_said_and_takes_no_badge_away(
    ada: FlaskClient, award: Award, classroom: Classroom, home: File
) -> None:
    classroom.write_paths(*(_path_of(classroom) | {"id": name} for name in ("devices", "more")))
    (home / "keys" / "proctor.pem").rename(home / "keys" / "proctor.old")

    page = ada.get(f"{PREFIX}/badges")

    assert page.status_code == 200
    assert "cannot be issued just now" in page.text
    assert award.id in page.text
    assert len(classroom.store.awards()) == 1


def test_paths_that_cannot_be_read_take_no_badge_away(
    ada: FlaskClient, award: Award, labs: File
) -> None:
    (labs / "paths.yaml").write_text("paths: [")

    assert award.id in ada.get(f"{PREFIX}/badges").text


def test_everybody_sees_what_a_badge_says(client: FlaskClient, award: Award) -> None:
    page = client.get(f"{PREFIX}/badges/{award.id}")

    assert page.status_code == 200
    for words in ("Devices on the API, Foundation", "ada", "Example Labs", "Practice", "4711"):
        assert words in page.text
    assert '<p class="answer-title">Valid</p>' in page.text
    assert award.claims.labs[0].reports[0] in page.text
    url = f"https://labs.example.org{PREFIX}/badges/{award.id}"
    assert f'<meta property="og:url" content="{url}">' in page.text
    assert f'<meta property="og:image" content="{url}.svg">' in page.text


def test_a_revoked_badge_is_shown_as_revoked(
    client: FlaskClient, award: Award, desk: BadgeDesk
) -> None:
    desk.store.revoke(award.id, "Issued by <mistake>", datetime.now(UTC))

    page = client.get(f"{PREFIX}/badges/{award.id}")
    document = client.get(f"{PREFIX}/badges/{award.id}?format=json").json

    assert '<p class="answer-title">Revoked</p>' in page.text
    assert "Issued by &lt;mistake&gt;" in page.text
    assert '<p class="answer-title">Valid</p>' not in page.text
    assert document is not None
    assert document["verdict"]["valid"] is False
    assert document["verdict"]["status"] == "revoked"


def test_an_e_mail_address_is_never_shown(client: FlaskClient, classroom: Classroom) -> None:
    classroom.complete("ada.lovelace@example.org")
    award = classroom.office.issue("ada.lovelace@example.org", classroom.path)

    for suffix in ("", "?format=json", ".svg", ".jwt", ".json"):
        reply = client.get(f"{PREFIX}/badges/{award.id}{suffix}")
        assert reply.status_code == 200
        assert "@example.org" not in reply.text
    assert "ada.lovelace" in client.get(f"{PREFIX}/badges/{award.id}").text


def test_the_files_of_a_badge_are_its_credential(client: FlaskClient, award: Award) -> None:
    files = {
        kind: client.get(f"{PREFIX}/badges/{award.id}.{kind}") for kind in ("svg", "jwt", "json")
    }

    assert read_badge(files["svg"].data).text == award.credential
    assert files["svg"].mimetype == "image/svg+xml"
    assert files["svg"].headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert files["jwt"].text == award.credential
    assert files["jwt"].mimetype == "text/plain"
    assert files["json"].json == read_token(award.credential).payload
    assert all(reply.headers["Access-Control-Allow-Origin"] == "*" for reply in files.values())
    saved = client.get(f"{PREFIX}/badges/{award.id}.svg?download=1")
    assert saved.headers["Content-Disposition"] == 'attachment; filename="devices.svg"'


@pytest.mark.parametrize(
    "address", ["badges/{}", "badges/{}.svg", "badges/{}.png", "paths/{}", "paths/{}.svg"]
)
@pytest.mark.parametrize("id", ["f" * 32, "..%2f..%2fetc", "x'--", "a" * 3000])
def test_what_does_not_exist_is_not_found(
    client: FlaskClient, award: Award, address: str, id: str
) -> None:
    assert client.get(f"{PREFIX}/{address.format(id)}").status_code == 404


def test_the_published_files_are_enough_to_verify(client: FlaskClient, award: Award) -> None:
    document = client.get(f"{PREFIX}/did.json").json
    token = read_token(award.credential)
    asked: list[str] = []

    def get(url: str) -> str:
        asked.append(url)
        return client.get(url.removeprefix("https://labs.example.org")).text

    verdict = verify_badge(token, PinnedDocument(document), get, datetime.now(UTC), "ada")

    assert verdict.valid, verdict.problems
    assert asked == [f"https://labs.example.org{PREFIX}/status/1"]


def test_a_revocation_is_in_the_list_at_once(
    client: FlaskClient, award: Award, desk: BadgeDesk
) -> None:
    desk.store.revoke(award.id, "Why not", datetime.now(UTC))

    def get(url: str) -> str:
        return client.get(url.removeprefix("https://labs.example.org")).text

    trust = PinnedKey(desk.issuer.key.public)
    verdict = verify_badge(read_token(award.credential), trust, get, datetime.now(UTC))

    assert not verdict.valid


def test_lists_that_were_never_begun_do_not_exist(client: FlaskClient, award: Award) -> None:
    assert client.get(f"{PREFIX}/status/1").status_code == 200
    assert client.get(f"{PREFIX}/status/2").status_code == 404
    assert client.get(f"{PREFIX}/status/0").status_code == 404


def test_nothing_private_is_published(client: FlaskClient, award: Award) -> None:
    texts = [client.get(f"{PREFIX}/{name}").text for name in ("did.json", "issuer.pub.pem")]

    assert all("PRIVATE" not in text and '"d"' not in text for text in texts)


def test_the_page_of_a_path_says_what_it_takes(client: FlaskClient, classroom: Classroom) -> None:
    path = classroom.path

    page = client.get(f"{PREFIX}/paths/{path.id}").text
    picture = client.get(f"{PREFIX}/paths/{path.id}.svg")

    assert path.criteria in page
    assert 'id="P"' in page
    assert fromstring(picture.data).tag.endswith("svg")
    assert b"credential" not in picture.data


def test_an_uploaded_picture_is_verified(post: Callable[..., TestResponse], award: Award) -> None:
    svg = _picture(award)

    page = post(file=_file(svg)).text

    assert '<p class="answer-title">Valid</p>' in page
    assert f"{PREFIX}/badges/{award.id}" in page


def test_a_pasted_credential_is_verified_with_a_name(
    post: Callable[..., TestResponse], award: Award
) -> None:
    mine = post(jwt=f"  {award.credential}\n", learner="ada").text
    hers = post(jwt=award.credential, learner="grace").text

    assert '<p class="answer-title">Valid</p>' in mine
    assert '<p class="answer-title">Not valid</p>' in hers
    assert "somebody else than grace" in hers


def test_a_changed_picture_is_not_valid(post: Callable[..., TestResponse], award: Award) -> None:
    svg = _picture(award)
    place = svg.index(b'verify="') + 1500
    other = b"A" if svg[place : place + 1] != b"A" else b"B"
    changed = svg[:place] + other + svg[place + 1 :]

    page = post(file=_file(changed)).text

    assert '<p class="answer-title">Not valid</p>' in page
    assert "changed after it was signed" in page


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hello", "not a badge"),
        (b"", "Choose a file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "without a credential"),
        (b"<!DOCTYPE svg [<!ENTITY a 'b'>]><svg>&a;</svg>", "DOCTYPE"),
        (b"x" * (1024 * 1024 + 1), "larger than"),
    ],
)
def test_what_is_not_a_badge_is_said_on_the_page(
    post: Callable[..., TestResponse], award: Award, content: bytes, says: str
) -> None:
    reply = post(file=_file(content, "x.svg" if content else ""))

    assert reply.status_code == 200
    assert says in reply.text


def test_a_file_larger_than_the_site_takes_is_refused(
    post: Callable[..., TestResponse], award: Award
) -> None:
    assert post(file=_file(b"x" * 5 * 2**20)).status_code == 413


def test_a_badge_of_somebody_else_is_sent_to_its_issuer_and_nothing_is_fetched(
    post: Callable[..., TestResponse], award: Award, tmp_path: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    from web.credentials import ensure_issuer_key

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("the site asked the network")

    monkeypatch.setattr(httpx, "stream", never)
    payload = {**read_token(award.credential).payload, "iss": "did:web:<b>evil</b>"}
    key = ensure_issuer_key(tmp_path / "evil" / "issuer.pem")
    forged = sign(payload, key, f"did:web:evil.example#{key.name}")

    page = post(jwt=forged).text

    assert "not signed with our key" in page
    assert "did:web:&lt;b&gt;evil" in page
    assert '<p class="answer-title">Valid</p>' not in page


def test_a_forger_who_borrows_the_name_of_our_key_is_refused(
    post: Callable[..., TestResponse], award: Award, desk: BadgeDesk, tmp_path: File
) -> None:
    from web.credentials import ensure_issuer_key

    key = ensure_issuer_key(tmp_path / "evil" / "issuer.pem")
    kid = read_token(award.credential).kid
    assert kid is not None
    forged = sign(read_token(award.credential).payload, key, kid)

    assert "signature was made up" in post(jwt=forged).text


def test_the_form_needs_its_token(client: FlaskClient, award: Award) -> None:
    assert client.post(f"{PREFIX}/verify", data={"jwt": award.credential}).status_code == 400


def _file(content: bytes, name: str = "badge.svg") -> FileStorage:
    return FileStorage(io.BytesIO(content), name)


def _picture(award: Award) -> bytes:
    from web.credentials import bake, draw, face_of

    return bake(draw(face_of(award.claims)), award.credential).encode()


def _path_of(classroom: Classroom) -> dict[str, Any]:
    document: dict[str, Any] = classroom.path.model_dump(mode="json")
    return document
