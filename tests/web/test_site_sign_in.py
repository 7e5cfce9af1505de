"""Signing in through the hub: PKCE, states, sessions on the server, revocation, sign-out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from web.app import create_app
from web.database import open_web_database
from web.settings import Settings

if TYPE_CHECKING:
    from tests.web.fake_hub import FakeHub

PREFIX = "/services/web"
PROGRESS = f"{PREFIX}/progress"


def csrf_of(html: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found
    return found[1]


def test_a_visitor_signs_in_at_the_hub_and_lands_on_the_page_they_wanted(
    client: FlaskClient, hub: FakeHub
) -> None:
    to_hub = client.get(f"{PROGRESS}?format=html&x=1")

    back = client.get(hub.authorize(to_hub.location, "ada"))

    assert urlsplit(to_hub.location).path == "/hub/api/oauth2/authorize"
    assert back.location == f"{PROGRESS}?format=html&x=1"
    assert client.get(back.location).status_code == 200


def test_every_sign_in_has_its_own_state_and_challenge(client: FlaskClient) -> None:
    asked = [parse_qs(urlsplit(client.get(PROGRESS).location).query) for _ in range(2)]

    assert asked[0]["state"] != asked[1]["state"]
    assert asked[0]["code_challenge"] != asked[1]["code_challenge"]


def test_two_tabs_can_sign_in_at_once(client: FlaskClient, hub: FakeHub) -> None:
    first, second = client.get(PROGRESS).location, client.get(f"{PREFIX}/").location

    assert client.get(hub.authorize(second, "ada")).location == f"{PREFIX}/"
    assert client.get(hub.authorize(first, "ada")).location == PROGRESS


def test_a_sign_in_that_began_in_another_browser_is_refused(
    app: Flask, client: FlaskClient, hub: FakeHub
) -> None:
    stranger = app.test_client()
    callback = hub.authorize(stranger.get(PROGRESS).location, "grace")

    reply = client.get(callback)

    assert reply.status_code == 403
    assert "another browser" in reply.text
    assert client.get(PROGRESS).status_code == 302


def test_a_sign_in_cannot_be_ended_twice(client: FlaskClient, hub: FakeHub) -> None:
    callback = hub.authorize(client.get(PROGRESS).location, "ada")
    assert client.get(callback).status_code == 302

    assert client.get(callback).status_code == 403


def test_a_code_without_its_verifier_is_worth_nothing(client: FlaskClient, hub: FakeHub) -> None:
    stolen = hub.authorize(client.get(PROGRESS).location, "ada")
    mine = hub.authorize(client.get(PROGRESS).location, "ada")
    code = parse_qs(urlsplit(stolen).query)["code"][0]

    reply = client.get(re.sub(r"code=\w+", f"code={code}", mine))

    assert reply.status_code == 403


def test_a_state_must_be_the_whole_state(client: FlaskClient, hub: FakeHub) -> None:
    callback = hub.authorize(client.get(PROGRESS).location, "ada")
    state = parse_qs(urlsplit(callback).query)["state"][0]

    reply = client.get(callback.replace(state, f"{state[:8]}{'x' * 24}"))

    assert reply.status_code == 403


@pytest.mark.parametrize("query", ["", "?state=&code=x", "?state=nonsense&code=x", "?code=x"])
def test_a_callback_out_of_nowhere_is_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"{PREFIX}/oauth_callback{query}").status_code == 403


def test_what_the_hub_says_on_refusal_is_shown_as_text(client: FlaskClient, hub: FakeHub) -> None:
    callback = hub.authorize(client.get(PROGRESS).location, "ada")

    reply = client.get(f"{callback}&error=denied&error_description=<script>no</script>")

    assert reply.status_code == 403
    assert "&lt;script&gt;no" in reply.text


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/services/web/",
        "/\\evil.example",
        "/services/web/\\\\evil.example",
        "/services/web//evil.example",
        "/services/webevil",
        "/hub/logout",
        "javascript:alert(1)",
        "/services/web/oauth_callback?state=x",
    ],
)
def test_a_sign_in_never_leads_to_another_place(
    client: FlaskClient, hub: FakeHub, target: str
) -> None:
    to_hub = client.get(f"{PREFIX}/sign-in", query_string={"next": target})

    back = client.get(hub.authorize(to_hub.location, "ada"))

    assert back.location == f"{PREFIX}/"


def test_a_sign_in_by_hand_leads_to_a_page_of_the_site(client: FlaskClient, hub: FakeHub) -> None:
    to_hub = client.get(f"{PREFIX}/sign-in", query_string={"next": f"{PROGRESS}?format=json"})

    back = client.get(hub.authorize(to_hub.location, "ada"))

    assert back.location == f"{PROGRESS}?format=json"


def test_cookies_hold_no_token_and_stay_on_the_site(
    client: FlaskClient, hub: FakeHub, home: Path
) -> None:
    to_hub = client.get(PROGRESS)
    back = client.get(hub.authorize(to_hub.location, "ada"))
    [token] = hub.tokens

    set_cookies = [
        *to_hub.headers.getlist("Set-Cookie"),
        *(c for c in back.headers.getlist("Set-Cookie") if "Max-Age=0" not in c),
    ]
    assert set_cookies
    for cookie in set_cookies:
        assert token not in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert f"Path={PREFIX}" in cookie
    assert token.encode() not in (home / "assay.db").read_bytes()


def test_the_database_knows_neither_token_nor_cookie(ada: FlaskClient, hub: FakeHub) -> None:
    database = open_web_database()
    with database.reading() as session:
        row = session.execute(text("SELECT * FROM web_sign_ins")).one()
    database.close()
    [token] = hub.tokens
    with ada.session_transaction(f"{PREFIX}/") as kept:
        number = kept["sign_in"]

    assert token.encode() not in row.token
    assert number not in row.id


def test_cookies_travel_only_by_https_where_the_hub_has_it(
    home: Path, labs: Path, settings: dict[str, str]
) -> None:
    app = create_app({**settings, "JUPYTERHUB_PUBLIC_URL": "https://labs.example/services/web/"})

    reply = app.test_client().get(PROGRESS)

    assert "Secure" in reply.headers["Set-Cookie"]
    assert "Strict-Transport-Security" in reply.headers
    app.extensions["assay"].close()


def test_a_restart_signs_nobody_out(
    ada: FlaskClient, app: Flask, settings: dict[str, str], home: Path
) -> None:
    restarted = create_app(settings)
    browser = restarted.test_client()
    cookie = ada.get_cookie("assay-web", path=PREFIX)
    assert cookie
    browser.set_cookie("assay-web", cookie.value, path=PREFIX)

    assert browser.get(PROGRESS).status_code == 200
    assert (home / "keys" / "web.secret").stat().st_mode & 0o777 == 0o600
    restarted.extensions["assay"].close()


def test_signing_out_ends_the_session_on_the_server_too(
    app: Flask, ada: FlaskClient, hub: FakeHub
) -> None:
    kept = ada.get_cookie("assay-web", path=PREFIX)
    assert kept
    token = csrf_of(ada.get(PROGRESS).text)

    reply = ada.post(f"{PREFIX}/sign-out", data={"csrf_token": token})
    thief = app.test_client()
    thief.set_cookie("assay-web", kept.value, path=PREFIX)

    assert reply.location == "/hub/logout"
    assert ada.get(PROGRESS).status_code == 302
    assert thief.get(PROGRESS).status_code == 302


def test_a_revoked_token_opens_nothing_after_the_stated_delay(
    home: Path,
    labs: Path,
    settings: dict[str, str],
    hub: FakeHub,
    wait_until: Callable[[Callable[[], bool]], None],
) -> None:
    app = create_app({**settings, "ASSAY_WEB_CACHE_SECONDS": "1"})
    browser = app.test_client()
    browser.get(hub.authorize(browser.get(PROGRESS).location, "ada"))
    assert browser.get(PROGRESS).status_code == 200

    hub.tokens.clear()

    wait_until(lambda: browser.get(PROGRESS).status_code == 302)
    app.extensions["assay"].close()


def test_the_delay_is_at_most_a_minute_by_default() -> None:
    assert Settings.cache_seconds <= 60


def test_the_hub_is_asked_once_for_many_pages(ada: FlaskClient, hub: FakeHub) -> None:
    before = hub.asked

    for _ in range(5):
        ada.get(PROGRESS)

    assert hub.asked == before


def test_who_may_not_use_the_site_is_refused(client: FlaskClient, hub: FakeHub) -> None:
    hub.add("mallory", "access:services!service=other")

    reply = client.get(hub.authorize(client.get(PROGRESS).location, "mallory"))

    assert reply.status_code == 403


def test_an_account_without_a_role_is_told_whom_to_ask(
    sign_in: Callable[[str], FlaskClient], hub: FakeHub
) -> None:
    hub.add("guest", "access:services!service=web")

    reply = sign_in("guest").get(PROGRESS)

    assert reply.status_code == 403
    assert "ask whoever runs this installation" in reply.text


def test_a_silent_hub_is_one_sentence(client: FlaskClient, ada: FlaskClient, hub: FakeHub) -> None:
    token = hub.token_of("ada")
    hub.close()

    reply = client.get(PROGRESS, headers={"Authorization": f"token {token}"})

    assert reply.status_code == 503
    assert "JupyterHub does not answer" in reply.text
    assert reply.headers["Retry-After"]


def test_a_program_reads_with_a_token_of_the_hub(client: FlaskClient, hub: FakeHub) -> None:
    headers = {"Authorization": f"token {hub.token_of('ada')}", "Accept": "application/json"}

    reply = client.get(PROGRESS, headers=headers)

    assert reply.get_json()["learner"] == "ada"


@pytest.mark.parametrize("authorization", ["", "token wrong", "Bearer wrong", "Basic YTpi"])
def test_a_program_without_a_good_token_gets_401(client: FlaskClient, authorization: str) -> None:
    headers = {"Accept": "application/json", "Authorization": authorization}

    reply = client.get(PROGRESS, headers=headers)

    assert reply.status_code == 401
    assert reply.content_type == "application/problem+json"


def test_a_token_of_a_service_is_nobody(client: FlaskClient, hub: FakeHub) -> None:
    headers = {"Authorization": f"token {hub.api_token}", "Accept": "application/json"}

    assert client.get(PROGRESS, headers=headers).status_code == 401
