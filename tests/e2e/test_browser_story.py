"""The story as a person lives it: a real Chromium, the real hub, a real cluster, the badge.

Screenshots go to the folder `ASSAY_SCREENSHOTS` where it is set (docs/images is made this way).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from graders.catalogue import find_lab
from hub.tour.platform_process import OwnPlatform

LAB = "dra-01-claim-a-gpu"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SPAWN = 240_000
"""Milliseconds a lab may take to start on a slow machine."""
CELL = 180_000
"""Milliseconds a cell may run."""

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's package chromium is not installed"),
]


@pytest.fixture(scope="module")
def platform() -> Iterator[OwnPlatform]:
    with OwnPlatform() as running:
        yield running


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        context = browser.new_context(
            viewport={"width": 1280, "height": 860}, accept_downloads=True
        )
        context.set_default_timeout(30_000)
        yield context.new_page()
        browser.close()


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("ASSAY_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def sign_in(page: Page, platform: OwnPlatform, name: str) -> None:
    page.goto(platform.url)
    page.get_by_label(re.compile("username", re.IGNORECASE)).fill(name)
    page.get_by_label(re.compile("password", re.IGNORECASE)).fill(platform.password_of(name))
    page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()
    page.wait_for_url("**/services/web/**")


def run_new_cell(page: Page, code: str) -> None:
    """Append a cell to the open notebook, run it, and wait until the kernel is idle again."""
    page.locator(".jp-Notebook .jp-Cell").last.click()
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(code)
    page.keyboard.press("Control+Enter")
    wait_until_idle(page)


def run_all_cells(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    wait_until_idle(page)


def wait_until_idle(page: Page) -> None:
    """Wait until no cell of the open notebook is running or waiting for its turn."""
    page.wait_for_timeout(500)  # the indicator turns busy only after the request has left
    idle = page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
    expect(idle.first).to_be_visible(timeout=CELL)
    expect(page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(0, timeout=CELL)


def test_a_learner_goes_from_sign_in_to_a_verified_badge(page: Page, platform: OwnPlatform) -> None:
    lab = find_lab(LAB)
    sign_in(page, platform, "learner")
    expect(page.get_by_role("heading", name=lab.title).first).to_be_visible()
    picture(page, "catalogue")

    page.goto(f"{platform.url}/services/web/labs/{LAB}")
    page.get_by_role("link", name=re.compile("^start", re.IGNORECASE)).first.click()
    expect(page.get_by_text(re.compile("API server")).first).to_be_visible(timeout=60_000)
    picture(page, "starting")
    page.wait_for_url(re.compile(rf"/user/learner/{LAB}/"), timeout=SPAWN)
    expect(page.locator(".jp-Notebook h1").first).to_be_visible(timeout=SPAWN)
    wait_until_idle(page)
    picture(page, "notebook-start")
    run_all_cells(page)

    for script in sorted((lab.folder / "solution" / "reference").glob("*.sh")):
        task = re.sub(r"^\d+-", "", script.stem)
        run_new_cell(page, f"%%bash\n{script.read_text(encoding='utf-8')}")
        run_new_cell(page, f"%check {task}")
    run_new_cell(page, "%check")
    output = page.locator(".jp-Notebook .jp-OutputArea-output").last
    output.scroll_into_view_if_needed()
    expect(output).to_contain_text("✓")
    picture(page, "notebook")

    page.goto(f"{platform.url}/services/web/labs/{LAB}")
    picture(page, "lab")
    tasks = page.request.get(f"{platform.url}/services/web/labs/{LAB}?format=json").json()["tasks"]
    assert [task["id"] for task in tasks if not task["done"]] == []

    page.goto(f"{platform.url}/services/web/badges")
    picture(page, "badges")
    with page.expect_download() as downloading:
        page.get_by_role("link", name=re.compile("svg", re.IGNORECASE)).first.click()
    badge = platform.home / "downloaded.svg"
    downloading.value.save_as(badge)
    verdict = json.loads(platform.assay("badge", "verify", str(badge), "--json"))
    assert verdict["valid"]

    page.goto(f"{platform.url}/services/web/verify")
    page.locator("input[type=file]").set_input_files(badge)
    page.get_by_role("button", name=re.compile("verify", re.IGNORECASE)).click()
    expect(page.get_by_text(re.compile("valid", re.IGNORECASE)).first).to_be_visible()
    picture(page, "verified")


def test_an_instructor_sees_who_has_done_what(page: Page, platform: OwnPlatform) -> None:
    sign_in(page, platform, "instructor")

    page.goto(f"{platform.url}/services/web/instructor")

    expect(page.get_by_role("table").first).to_be_visible()
    picture(page, "instructor")
