"""Errors: a page with one sentence and a way on; nothing inner is shown; the log has the rest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from clusters.errors import AssayError
from web.record import Record

if TYPE_CHECKING:
    from tests.web.conftest import School

PREFIX = "/services/web"
JSON = {"Accept": "application/json"}


def break_record(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(Record, "attempts", fail)


def test_a_missing_page_leads_back_to_the_labs(ada: FlaskClient) -> None:
    reply = ada.get(f"{PREFIX}/nowhere")

    assert reply.status_code == 404
    assert "There is no such page." in reply.text
    assert f'<a class="button" href="{PREFIX}/">To the labs</a>' in reply.text
    assert ">ada</span>" in reply.text


def test_a_program_gets_a_problem_document(ada: FlaskClient) -> None:
    reply = ada.get(f"{PREFIX}/labs/nope", headers=JSON)

    assert reply.content_type == "application/problem+json"
    assert reply.get_json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such lab here. The list of labs shows all that are.",
    }


def test_a_wrong_method_says_which_are_right(ada: FlaskClient) -> None:
    reply = ada.put(f"{PREFIX}/progress")

    assert reply.status_code == 405
    assert "GET" in reply.headers["Allow"]


def test_an_address_without_its_slash_is_put_right(ada: FlaskClient) -> None:
    reply = ada.get(PREFIX)

    assert reply.status_code == 308
    assert reply.location.endswith(f"{PREFIX}/")


def test_what_nobody_expected_is_our_fault_with_a_number_for_the_log(
    ada: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "SELECT seed FROM attempts"
    break_record(monkeypatch, OperationalError(secret, {}, Exception("database is locked")))

    reply = ada.get(f"{PREFIX}/progress")

    found = re.search(r"Report number: ([0-9a-f]{8})", reply.text)
    assert reply.status_code == 500
    assert found
    assert found[1] in caplog.text
    assert "database is locked" in caplog.text
    assert secret not in reply.text
    assert "Traceback" not in reply.text


def test_an_expected_error_is_told_in_words_to_instructors_only(
    ada: FlaskClient, grace: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_record(monkeypatch, AssayError("the folder /srv/labs cannot be read"))

    assert "/srv/labs" not in ada.get(f"{PREFIX}/").text
    assert "the folder /srv/labs cannot be read." in grace.get(f"{PREFIX}/").text


def test_the_error_page_asks_neither_hub_nor_database(
    app: Flask, client: FlaskClient, hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("unable to open database file"))

    parts = app.extensions["assay"]
    browser = app.test_client()
    browser.get(hub.authorize(browser.get(f"{PREFIX}/").location, "ada"))
    monkeypatch.setattr(type(parts.sign_ins), "token", fail)

    reply = browser.get(f"{PREFIX}/progress")

    assert reply.status_code == 500
    assert "Our fault" in reply.text


def test_a_lab_that_disappears_leaves_the_progress_of_its_learners(
    ada: FlaskClient, school: School
) -> None:
    school.check(school.attempt("ada", lab="retired"), old_task="passed")

    reply = ada.get(f"{PREFIX}/progress")

    assert reply.status_code == 200
    assert "old-task" in reply.text
