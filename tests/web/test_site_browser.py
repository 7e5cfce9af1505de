"""The site in a real Chromium: live updates, keyboard, phone, dark, and no script at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect, sync_playwright

if TYPE_CHECKING:
    from tests.web.conftest import School
    from tests.web.fake_hub import FakeHub

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PREFIX = "/services/web"
LAB = f"{PREFIX}/labs/claim-a-gpu"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Debian's package chromium is missing")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield browser
        browser.close()


@pytest.fixture
def visit(
    browser: Browser, app: Flask, hub: FakeHub, tmp_path: Path
) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page as somebody; nothing may go wrong or outside."""
    hub.site = app
    contexts = []
    complaints: list[str] = []

    def open_page(path: str, name: str = "ada", **options: Any) -> Page:
        hub.in_browser = name
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text))
        page.on("request", lambda r: complaints.append(r.url) if hub.url not in r.url else None)
        page.goto(f"{hub.url}{path}")
        page.screenshot(path=tmp_path / f"{len(contexts)}.png")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def test_a_verdict_appears_while_one_looks(visit: Callable[..., Page], school: School) -> None:
    attempt = school.attempt("ada")
    page = visit(LAB)
    expect(page.get_by_text("0 of 3 tasks done")).to_be_visible()
    page.locator("#finish").focus()

    school.check(attempt, claim="passed", repair="failed")

    expect(page.get_by_text("1 of 3 tasks done ·")).to_be_visible(timeout=10_000)
    expect(page.locator("#news")).to_contain_text("Repair a Pod that stays Pending: not yet.")
    expect(page.locator("#finish")).to_be_focused()
    assert page.locator("#work").count() == 1


def test_an_attempt_that_ended_elsewhere_offers_a_new_start(
    visit: Callable[..., Page], school: School
) -> None:
    attempt = school.attempt("ada")
    page = visit(LAB)

    school.end(attempt)

    expect(page.get_by_role("link", name="Start again")).to_be_visible(timeout=10_000)


def test_without_a_script_everything_is_there_after_a_reload(
    visit: Callable[..., Page], school: School, hub: FakeHub
) -> None:
    attempt = school.attempt("ada")
    page = visit(LAB, java_script_enabled=False)
    school.check(attempt, claim="passed")

    page.reload()
    expect(page.get_by_text("1 of 3 tasks done")).to_be_visible()
    page.get_by_role("link", name="Finish").click()
    page.get_by_role("button", name="Finish and delete the cluster").click()

    page.wait_for_url(f"**{LAB}")
    assert hub.finished == [(attempt.id, "ada")]


def test_the_keyboard_reaches_the_content_at_once(visit: Callable[..., Page]) -> None:
    page = visit(f"{PREFIX}/")

    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    expect(page.get_by_role("link", name="Claim a GPU")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone(
    visit: Callable[..., Page], school: School, scheme: str, hub: FakeHub
) -> None:
    name = "a-very-long-name-without-any-place-to-break-it-somewhere" * 2
    school.check(school.attempt(name), claim="failed")
    school.check(school.attempt("grace"), claim="failed")
    page = visit(
        f"{PREFIX}/",
        "grace",
        viewport={"width": 390, "height": 844},
        color_scheme=scheme,
    )

    for path in ("/", "/labs/claim-a-gpu", "/labs/serve-a-model", "/progress", "/instructor"):
        page.goto(f"{hub.url}{PREFIX}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(
    visit: Callable[..., Page], school: School, scheme: str, hub: FakeHub
) -> None:
    school.check(school.attempt("grace"), read_slices="passed", claim="failed", repair="error")
    page = visit(f"{PREFIX}/", "grace", color_scheme=scheme)

    for path in ("/", "/labs/claim-a-gpu", "/progress", "/instructor"):
        page.goto(f"{hub.url}{PREFIX}{path}")
        assert page.evaluate(_WEAK_TEXT) == [], path


_WEAK_TEXT = """() => {
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || element.closest('svg, .hidden, .skip, .card-off')) continue;
    const a = light(parse(getComputedStyle(element).color)), b = light(behind(element));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) weak.push([element.className, element.textContent.trim(), contrast]);
  }
  return weak;
}"""
