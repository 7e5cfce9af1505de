"""Badges as pictures: in and out again, and files that are meant to hurt their reader."""

from __future__ import annotations

import re
import time
import tracemalloc
from typing import TYPE_CHECKING
from xml.etree.ElementTree import fromstring

import pytest

from clusters.errors import InputInvalid
from web.credentials import SVG_LIMIT, Face, bake, draw, face_of, read_badge, read_token
from web.credentials.claims import read_claims

if TYPE_CHECKING:
    from tests.web.credentials.conftest import Mint

FACE = Face("Devices on the API", "Foundation", "Example Labs", "2027-03-01", "practice")
SVG = "{http://www.w3.org/2000/svg}"
CREDENTIAL = "{https://purl.imsglobal.org/ob/v3p0}credential"


def test_the_credential_comes_out_as_it_went_in(mint: Mint) -> None:
    badge = mint.badge()

    assert read_badge(bake(draw(FACE), badge).encode()).text == badge


def test_the_credential_is_the_first_thing_in_the_picture(mint: Mint) -> None:
    root = fromstring(bake(draw(FACE), mint.badge()))

    assert root.tag == f"{SVG}svg"
    assert root[0].tag == CREDENTIAL
    assert len(root.findall(f".//{CREDENTIAL}")) == 1


def test_a_token_in_a_file_may_have_space_and_a_byte_order_mark_around_it(mint: Mint) -> None:
    badge = mint.badge()

    assert read_badge(b"\xef\xbb\xbf \n" + badge.encode() + b"\r\n").text == badge


def test_what_stands_on_the_picture_is_what_the_credential_says(mint: Mint) -> None:
    face = face_of(read_claims(read_token(mint.badge()).payload))
    words = {element.text for element in fromstring(draw(face)).iter(f"{SVG}text")}

    assert words == {
        "Devices on", "the API", "FOUNDATION", "Example Labs", "2027-02-28", "practice"
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "</text><script>alert(1)</script>",
        'A "quoted" & <b>bold</b> name',
        "null \x00 and escape \x1b[31m",
        "Ünïcødé 人工智能平台工程师",
        "Donaudampfschiffahrtsgesellschaftskapitaensmuetze " * 3,
        "",
    ],
)
def test_any_name_makes_a_picture_that_is_only_a_picture(name: str) -> None:
    picture = draw(Face(name, name[:20], name, "2027-03-01", "practice"))

    tags = {element.tag.removeprefix(SVG) for element in fromstring(picture).iter()}
    assert tags <= {
        "svg", "title", "defs", "linearGradient", "radialGradient", "stop", "clipPath",
        "path", "g", "circle", "rect", "text",
    }  # fmt: skip
    assert "style=" not in picture, "a content security policy would ignore it"


def test_no_line_of_a_title_can_leave_the_picture() -> None:
    for words in range(1, 12):
        picture = draw(Face("Wwwwwwwwwwwwww " * words, "", "", "", ""))
        for line in re.findall(r'<text x="256" y="([\d.]+)" font-size="(\d+)"[^>]*>', picture):
            assert 160 < float(line[0]) < 345


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a badge"),
        (b"\x89PNG\r\n\x1a\n", "not a badge"),
        (b"\xff\xfe<\x00s\x00", "not a badge"),
        (b"PK\x03\x04", "not a badge"),
        (b"<html><body>hello</body></html>", "without a credential"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "without a credential"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "cut off or damaged"),
        (b"<?xml version='1.0' encoding='no-such'?><svg/>", "cut off or damaged"),
        (b"<svg xmlns:o='https://purl.imsglobal.org/ob/v3p0'><o:credential/></svg>", "not signed"),
        (
            b"<svg xmlns:o='https://purl.imsglobal.org/ob/v3p0'>"
            b"<o:credential verify='ey.a.b'/><o:credential verify='ey.a.b'/></svg>",
            "more than one",
        ),
        (b"x" * (SVG_LIMIT + 1), "larger than"),
    ],
)
def test_what_is_not_a_badge_is_said_in_one_sentence(data: bytes, says: str) -> None:
    with pytest.raises(InputInvalid) as refusal:
        read_badge(data)

    assert len(refusal.value.problems) == 1
    assert says in refusal.value.problems[0]


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
ATTACKS = {
    "a billion laughs": f'<!DOCTYPE svg [<!ENTITY l0 "ha">{LAUGHS}]><svg>&l11;</svg>',
    "a quadratic blow-up": (
        f'<!DOCTYPE svg [<!ENTITY a "{"a" * 60_000}">]><svg>{"&a;" * 60_000}</svg>'
    ),
    "a local file": '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    "a remote file": '<!DOCTYPE svg [<!ENTITY x SYSTEM "http://127.0.0.1:9/">]><svg>&x;</svg>',
    "a parameter entity": '<!DOCTYPE svg [<!ENTITY % p SYSTEM "http://127.0.0.1:9/">%p;]><svg/>',
    "a default attribute": (
        '<!DOCTYPE svg [<!ATTLIST o:credential verify CDATA "ey.a.b">]>'
        '<svg xmlns:o="https://purl.imsglobal.org/ob/v3p0"><o:credential/></svg>'
    ),
    "a plain doctype": "<!DOCTYPE svg><svg/>",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_by_xml_is_refused_before_it_costs_anything(attack: str) -> None:
    data = ATTACKS[attack].encode()
    tracemalloc.start()
    began = time.process_time()

    with pytest.raises(InputInvalid, match="DOCTYPE"):
        read_badge(data)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - began < 1
    assert peak < 20 * 2**20


def test_a_very_deep_picture_is_read_or_refused_and_nothing_else() -> None:
    with pytest.raises(InputInvalid):
        read_badge(b"<g>" * 100_000 + b"</g>" * 100_000)
