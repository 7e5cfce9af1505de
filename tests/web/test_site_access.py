"""Access: who sees what, forms that only the site can send, headers on everything."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from markupsafe import escape
from werkzeug.routing import Rule

from graders.report import CheckResult, Outcome

if TYPE_CHECKING:
    from tests.web.conftest import School
    from tests.web.fake_hub import FakeHub

PREFIX = "/services/web"
LAB = f"{PREFIX}/labs/claim-a-gpu"
PUBLIC = "__assay_public__"
_VALUES = {"slug": "claim-a-gpu"}


def address_of(app: Flask, rule: Rule) -> str:
    values: dict[str, Any] = {name: _VALUES.get(name, "x") for name in rule.arguments}
    with app.test_request_context():
        return url_for(rule.endpoint, **values)


def test_every_page_that_is_not_marked_public_asks_for_a_sign_in(
    app: Flask, client: FlaskClient
) -> None:
    guarded = [rule for rule in app.url_map.iter_rules() if not hasattr(view_of(app, rule), PUBLIC)]
    assert len(guarded) >= 8

    for rule in guarded:
        method = "GET" if "GET" in (rule.methods or ()) else "POST"
        reply = client.open(address_of(app, rule), method=method)
        assert reply.status_code == 302, rule
        assert reply.location.startswith("/hub/api/oauth2/authorize?"), rule


def view_of(app: Flask, rule: Rule) -> object:
    return app.view_functions[rule.endpoint]


@pytest.mark.parametrize(
    "path", ["/instructor", "/instructor/table.csv", "/instructor/learner?name=grace"]
)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_learner_sees_no_page_of_instructors(
    ada: FlaskClient, school: School, path: str, accept: str
) -> None:
    school.attempt("grace")

    reply = ada.get(f"{PREFIX}{path}", headers={"Accept": accept})

    assert reply.status_code == 403
    assert "for instructors" in reply.text
    assert "grace" not in reply.text


def test_a_learner_sees_nothing_of_others(ada: FlaskClient, school: School) -> None:
    school.check(school.attempt("bob"), claim="passed")

    lab = ada.get(f"{LAB}?format=json").get_json()
    progress = ada.get(f"{PREFIX}/progress?format=json").get_json()

    assert lab["attempts"] == []
    assert [task["done"] for task in lab["tasks"]] == [False, False, False]
    assert progress["recent"] == []


def test_neither_seed_nor_parameters_reach_a_page(ada: FlaskClient, school: School) -> None:
    school.attempt("ada", seed=987654321, baseline={"secret": "uid-of-the-deployment"})

    for path in ("/", "/labs/claim-a-gpu", "/progress"):
        for suffix in ("", "?format=json"):
            told = ada.get(f"{PREFIX}{path}{suffix}").text
            assert "987654321" not in told
            assert "uid-of-the-deployment" not in told
            assert "parameters" not in told


@pytest.mark.parametrize("path", ["/sign-out", "/labs/claim-a-gpu/finish"])
@pytest.mark.parametrize("token", [None, "", "made-up"])
def test_a_form_without_its_token_changes_nothing(
    ada: FlaskClient, school: School, hub: FakeHub, path: str, token: str | None
) -> None:
    school.attempt("ada")

    reply = ada.post(f"{PREFIX}{path}", data={} if token is None else {"csrf_token": token})

    assert reply.status_code == 400
    assert "too old" in reply.text
    assert hub.finished == []
    assert ada.get(f"{PREFIX}/").status_code == 200


def test_a_form_token_of_somebody_else_is_refused(
    ada: FlaskClient, grace: FlaskClient, school: School, hub: FakeHub
) -> None:
    school.attempt("ada")
    html = grace.get(f"{PREFIX}/").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found

    reply = ada.post(f"{LAB}/finish", data={"csrf_token": found[1]})

    assert reply.status_code == 400
    assert hub.finished == []


def test_a_program_with_a_token_cannot_send_forms(
    client: FlaskClient, school: School, hub: FakeHub
) -> None:
    school.attempt("ada")

    reply = client.post(f"{LAB}/finish", headers={"Authorization": f"token {hub.token_of('ada')}"})

    assert reply.status_code == 400
    assert hub.finished == []


@pytest.mark.parametrize("path", ["/", "/labs/claim-a-gpu", "/nowhere", "/health", "/htmx.js"])
def test_every_answer_carries_the_headers_of_a_careful_site(ada: FlaskClient, path: str) -> None:
    headers = ada.get(f"{PREFIX}{path}", buffered=True).headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_scripts_run_only_with_the_nonce_of_their_page(ada: FlaskClient) -> None:
    pages = [ada.get(LAB) for _ in range(2)]
    nonces = [page.headers["Content-Security-Policy"].split("'nonce-")[1][:22] for page in pages]

    assert nonces[0] != nonces[1]
    assert all(f'<script nonce="{n}"' in page.text for n, page in zip(nonces, pages, strict=True))


def test_pages_of_a_person_are_not_kept_by_caches(ada: FlaskClient) -> None:
    assert ada.get(LAB).headers["Cache-Control"] == "no-store"
    style = ada.get(f"{PREFIX}/static/site.css", buffered=True)
    assert "max-age" in style.headers["Cache-Control"]
    assert "Set-Cookie" not in style.headers


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "O'Brien & Söhne", "李雷", '" onload="x', "a/b?c#d%2e"]
)
def test_a_name_may_hold_any_character_and_is_never_markup(
    sign_in: Callable[[str], FlaskClient],
    grace: FlaskClient,
    hub: FakeHub,
    school: School,
    name: str,
) -> None:
    hub.add(name, "access:services!service=web", "custom:labs:learn")
    school.check(school.attempt(name), claim="failed")

    mine = sign_in(name).get(LAB).text
    table = grace.get(f"{PREFIX}/instructor").text
    page = grace.get(f"{PREFIX}/instructor/learner", query_string={"name": name})

    for html in (mine, table, page.text):
        assert str(escape(name)) in html
        assert "<script>alert" not in html
        assert '" onload="x' not in html
    assert page.status_code == 200


def test_what_a_learner_wrote_into_a_cluster_is_never_markup(
    ada: FlaskClient, school: School
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    result = CheckResult(
        task="claim", outcome=Outcome.FAILED, message=evil, expected=evil, found=evil, hint=evil
    )
    school.check(school.attempt("ada"), claim=result)

    for path in ("/labs/claim-a-gpu", "/labs/claim-a-gpu/work", "/progress"):
        html = ada.get(f"{PREFIX}{path}").text
        assert "&lt;img src=x" in html
        assert "<img" not in html


def test_a_broken_lab_file_is_never_markup(grace: FlaskClient, labs: object) -> None:
    html = grace.get(f"{PREFIX}/").text

    assert "half-a-lab" in html
    assert "<b>oops" not in html
