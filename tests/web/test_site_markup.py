"""The markup of every page: landmarks, headings, labels, names, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from flask.testing import FlaskClient

if TYPE_CHECKING:
    from tests.web.conftest import School

PREFIX = "/services/web"
VOID = {"meta", "link", "input", "br", "img", "hr", "path", "circle", "rect"}
PAGES = {
    "catalogue": "/",
    "lab": "/labs/claim-a-gpu",
    "lab that cannot run": "/labs/serve-a-model",
    "finish": "/labs/claim-a-gpu/finish",
    "progress": "/progress",
    "table": "/instructor",
    "empty table": "/instructor?lab=serve-a-model",
    "learner": "/instructor/learner?name=grace",
    "objecting": "/labs/claim-a-gpu/tasks/claim/appeal",
    "appeals": "/instructor/appeals",
    "attempt": "/instructor/attempts/{attempt}",
    "report": "/instructor/attempts/{attempt}/reports/{report}",
    "report cards": "/instructor/report-cards",
    "report card": "/instructor/report-cards/claim-a-gpu",
    "ledger": "/ledger?verify=1",
    "missing": "/nowhere",
}


class Element:
    """One element with what is in it."""

    def __init__(self, name: str, attributes: dict[str, str], parent: Element | None) -> None:
        self.name, self.attributes, self.parent = name, attributes, parent
        self.children: list[Element] = []
        self.texts: list[str] = []

    def all(self, *names: str) -> Iterator[Element]:
        for child in self.children:
            if child.name in names or not names:
                yield child
            yield from child.all(*names)

    @property
    def said(self) -> str:
        """What a screen reader finds in it."""
        if self.attributes.get("aria-hidden") == "true":
            return ""
        own = self.attributes.get("aria-label", "")
        return " ".join([own, *self.texts, *(child.said for child in self.children)]).strip()


class Page(HTMLParser):
    """A page as a tree; unbalanced markup is an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = self.here = Element("", {}, None)
        self.feed(html)
        assert self.here is self.root, f"<{self.here.name}> is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.here.name, f"</{tag}> closes <{self.here.name}>"
        assert self.here.parent
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.here.texts.append(data.strip())


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    """The markup of every page, once one of them was asked for."""
    return {}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, drawn: dict[str, str]) -> Page:
    """Every page, as an instructor sees it while working on a lab."""
    if not drawn:
        drawn.update(draw(request.getfixturevalue("grace"), request.getfixturevalue("school")))
    return Page(drawn[request.param])


def draw(grace: FlaskClient, school: School) -> Iterator[tuple[str, str]]:
    mine = school.attempt("grace")
    report = school.check(mine, read_slices="passed", claim="failed", repair="error")
    school.ledger.add_appeal(mine.id, "repair", "It runs.")
    for name in ("ada", "bob"):
        school.attempt(name)
    for name, path in PAGES.items():
        reply = grace.get(f"{PREFIX}{path}".format(attempt=mine.id, report=report.id))
        assert reply.content_type == "text/html; charset=utf-8"
        yield name, reply.text


def test_there_is_one_of_each_landmark(page: Page) -> None:
    for landmark in ("header", "main", "footer"):
        assert len(list(page.root.all(landmark))) == 1
    navigations = [nav.attributes.get("aria-label", "") for nav in page.root.all("nav")]
    assert len(navigations) == len(set(navigations))
    assert all(navigations)


def test_the_language_the_title_and_the_width_are_declared(page: Page) -> None:
    [html] = page.root.all("html")
    [title] = page.root.all("title")

    assert html.attributes["lang"] == "en"
    assert title.said.endswith("· Assay")
    assert "undefined" not in title.said.lower()
    assert any(meta.attributes.get("name") == "viewport" for meta in page.root.all("meta"))


def test_headings_begin_with_one_h1_and_skip_no_level(page: Page) -> None:
    levels = [int(h.name[1]) for h in page.root.all("h1", "h2", "h3", "h4", "h5", "h6")]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_first_link_skips_to_the_content(page: Page) -> None:
    first = next(page.root.all("a"))

    assert first.attributes["href"] == "#main"
    assert next(page.root.all("main")).attributes["id"] == "main"


def test_everything_one_can_press_or_fill_in_has_a_name(page: Page) -> None:
    for element in page.root.all("a", "button"):
        assert element.said, element.attributes
    labelled = {label.attributes.get("for") for label in page.root.all("label")}
    for field in page.root.all("input", "select", "textarea"):
        if field.attributes.get("type") == "hidden":
            continue
        parents = []
        above = field.parent
        while above:
            parents.append(above.name)
            above = above.parent
        assert "label" in parents or field.attributes["id"] in labelled, field.attributes


def test_pictures_have_a_name_or_are_hidden(page: Page) -> None:
    for picture in page.root.all("svg", "img"):
        hidden = picture.attributes.get("aria-hidden") == "true"
        assert hidden or picture.attributes.get("aria-label") or picture.attributes.get("alt")


def test_tables_have_headings_with_a_scope(page: Page) -> None:
    for table in page.root.all("table"):
        assert all(head.attributes.get("scope") for head in table.all("th"))
        assert next(table.all("thead"), None)


def test_forms_that_change_something_carry_the_token(page: Page) -> None:
    posting = [f for f in page.root.all("form") if f.attributes.get("method") == "post"]
    assert posting
    for form in posting:
        assert "csrf_token" in {field.attributes.get("name") for field in form.all("input")}


def test_ids_are_unique_and_referred_to(page: Page) -> None:
    elements = list(page.root.all())
    ids = [e.attributes["id"] for e in elements if "id" in e.attributes]
    referred = {e.attributes.get("aria-labelledby", ids[0]) for e in elements}

    assert len(ids) == len(set(ids))
    assert referred <= set(ids)


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_inline(page: Page) -> None:
    for element in page.root.all():
        for name in ("src", "href", "action"):
            address = element.attributes.get(name, "/")
            assert address.startswith(("/", "#", "?")), address
            assert not address.startswith("//")
        assert "style" not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on")]
        if element.name == "script":
            assert element.attributes["nonce"]
            assert not element.texts
        assert element.name != "style"


def test_the_news_of_a_lab_are_read_out_without_being_redrawn(
    grace: FlaskClient, school: School
) -> None:
    page = Page(grace.get(f"{PREFIX}/labs/claim-a-gpu").text)
    [news] = [e for e in page.root.all() if e.attributes.get("role") == "status"]

    above = news.parent
    while above:
        assert above.attributes.get("id") != "work"
        above = above.parent
    assert news.attributes["aria-live"] == "polite"


@pytest.mark.parametrize("here", ["/", "/progress", "/instructor"])
def test_the_navigation_says_where_one_is(grace: FlaskClient, here: str) -> None:
    page = Page(grace.get(f"{PREFIX}{here}").text)

    current = [a for a in page.root.all("a") if a.attributes.get("aria-current") == "page"]

    assert {a.attributes["href"] for a in current} == {f"{PREFIX}{here}"}
