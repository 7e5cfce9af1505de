"""Following: a page hears from the proctor at once, and no secret stands in an address."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, Route, expect, sync_playwright

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.web.conftest import School
    from tests.web.fake_hub import FakeHub

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LAB = "/services/web/labs/claim-a-gpu"


def follow(browser: FlaskClient) -> TestResponse:
    found = re.search(r'data-token="([^"]+)"', browser.get(LAB).text)
    assert found
    return browser.post(f"{LAB}/follow", headers={"X-CSRFToken": found[1]})


def test_the_ticket_is_a_cookie_for_the_events_of_this_attempt_and_nothing_else(
    ada: FlaskClient, school: School, hub: FakeHub
) -> None:
    attempt = school.attempt("ada")

    reply = follow(ada)

    path = f"/services/proctor/attempts/{attempt.id}/events"
    assert reply.get_json() == {"events": path}
    (ticket,) = hub.tickets
    assert hub.tickets[ticket] == (attempt.id, "ada")
    name, *attributes = reply.headers["Set-Cookie"].split("; ")
    assert name == f"assay-ticket={ticket}"
    assert {"HttpOnly", "SameSite=Strict", f"Path={path}", "Max-Age=60"} <= set(attributes)


def test_there_is_nothing_to_follow_without_a_live_attempt_or_a_proctor(
    ada: FlaskClient, school: School, hub: FakeHub
) -> None:
    assert follow(ada).status_code == 204
    school.attempt("ada")
    hub.refusal = "not now"

    reply = follow(ada)

    assert reply.status_code == 204
    assert "Set-Cookie" not in reply.headers


def test_a_page_of_somebody_else_cannot_make_a_browser_ask_for_a_ticket(
    ada: FlaskClient, school: School, hub: FakeHub
) -> None:
    school.attempt("ada")

    assert ada.post(f"{LAB}/follow").status_code == 400
    assert not hub.tickets


def test_a_task_that_is_undone_says_so_and_still_counts(ada: FlaskClient, school: School) -> None:
    attempt = school.attempt("ada")
    school.check(attempt, claim="passed")
    school.check(attempt, claim="failed")

    html = ada.get(LAB).text

    assert "It was done, and counts. Just now it is not:" in html
    assert "1 of 3 tasks done" in html
    school.check(attempt, claim="passed")
    assert "Just now it is not" not in ada.get(LAB).text


@pytest.fixture
def page(app: Flask, hub: FakeHub) -> Iterator[Page]:
    """A page whose own polling finds nothing, so that only what it hears can change it."""
    if CHROMIUM is None:
        pytest.skip("Debian's package chromium is missing")

    def without_polling(route: Route) -> None:
        if route.request.headers.get("hx-trigger") == "work":
            route.fulfill(status=204)
        else:
            route.continue_()

    hub.site, hub.in_browser = app, "ada"
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        page = browser.new_page()
        page.route(re.compile("/work"), without_polling)
        yield page
        browser.close()


def test_a_tick_comes_and_goes_in_a_browser_as_soon_as_the_proctor_says_so(
    page: Page, school: School, hub: FakeHub
) -> None:
    attempt = school.attempt("ada")
    page.goto(f"{hub.url}{LAB}")
    expect(page.locator("#news[data-following]")).to_be_attached(timeout=10_000)
    task = page.locator("#task-claim")

    for outcome, mark in (("passed", "mark-done"), ("failed", "mark-not-yet")) * 2:
        school.check(attempt, claim=outcome)
        hub.followed[-1].put("report")

        expect(task.locator(f".{mark}")).to_be_visible(timeout=5_000)

    assert len(hub.tickets) == 1, "one ticket is enough"


def test_a_page_that_is_sent_away_comes_back_with_a_new_ticket(
    page: Page, school: School, hub: FakeHub
) -> None:
    attempt = school.attempt("ada")
    page.goto(f"{hub.url}{LAB}")
    expect(page.locator("#news[data-following]")).to_be_attached(timeout=10_000)

    hub.tickets.clear()
    hub.followed[-1].put("")  # the stream ends; the browser comes back, and the ticket is over
    page.wait_for_function(
        "() => !document.querySelector('#news').hasAttribute('data-following')", timeout=20_000
    )
    expect(page.locator("#news[data-following]")).to_be_attached(timeout=20_000)
    school.check(attempt, claim="passed")
    hub.followed[-1].put("report")

    expect(page.locator("#task-claim .mark-done")).to_be_visible(timeout=5_000)
