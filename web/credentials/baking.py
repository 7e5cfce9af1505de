"""Baking: a credential inside an SVG (Open Badges 3.0, section 5.3.2), put in and taken out.

Uploads are parsed by defusedxml and a DOCTYPE is refused altogether: without one there are no
entities to expand, no external files to fetch and no default attributes to smuggle a credential
in, and no badge needs one.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import quoteattr

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from clusters.errors import InputInvalid
from web.credentials.token import NOT_A_BADGE, Token, read_token

NAMESPACE = "https://purl.imsglobal.org/ob/v3p0"
SVG_LIMIT = 1024 * 1024
"""Bytes of an SVG that are read; a badge of ours has about 20 KiB."""
_ELEMENT = f"{{{NAMESPACE}}}credential"


def bake(svg: str, jwt: str) -> str:
    """Return a picture of ours with a credential in it.

    Args:
        svg: begins with its `<svg>` tag.
        jwt: the credential.
    """
    head, end, rest = svg.partition(">")
    namespace = f" xmlns:openbadges={quoteattr(NAMESPACE)}"
    credential = f"<openbadges:credential verify={quoteattr(jwt)}></openbadges:credential>"
    return f"{head}{namespace}{end}{credential}{rest}"


def read_badge(data: bytes) -> Token:
    """Take the credential out of a file: a baked SVG, or the VC-JWT itself.

    Raises:
        InputInvalid: with one sentence that says what is wrong with the file.
    """
    if len(data) > SVG_LIMIT:
        raise InputInvalid([f"The file is larger than {SVG_LIMIT // 1024} KiB; no badge is"])
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        return read_token(_unbake(data))
    try:
        return read_token(start.decode("ascii"))
    except UnicodeDecodeError as error:
        raise InputInvalid([NOT_A_BADGE]) from error


def _unbake(data: bytes) -> str:
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise InputInvalid(
            ["The SVG has a DOCTYPE; that is refused, no badge needs one"]
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise InputInvalid(["The SVG is cut off or damaged: download it again"]) from error
    found = list(root.iter(_ELEMENT))
    if not found:
        raise InputInvalid(["The SVG is a picture without a credential in it: download it again"])
    if len(found) > 1:
        raise InputInvalid(["The SVG holds more than one credential, so it proves nothing"])
    jwt = found[0].get("verify")
    if not jwt:
        raise InputInvalid(["The badge is not signed as a VC-JWT; other proofs are not supported"])
    return jwt
