"""Picture: the face of a badge, drawn as an SVG of 512 by 512 without a credential in it.

It reads well from 512 down to 128 pixels, so it carries few words: path, level, issuer, date and
assurance.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from xml.sax.saxutils import escape

from web.credentials.claims import Claims
from web.credentials.lettering import LEADING, TITLE_WIDTH, draw_line, fit_title, printable

_FONT = "Inter,'Segoe UI','Helvetica Neue',Arial,'DejaVu Sans',sans-serif"
_WHITE = 'fill="#ffffff"'


@dataclass(frozen=True)
class Palette:
    """Colours of a level."""

    light: str
    deep: str
    dark: str
    accent: str


_PALETTES = {
    "foundation": Palette("#2dd4bf", "#0f766e", "#083b3a", "#99f6e4"),
    "practitioner": Palette("#6d8bff", "#3730a3", "#181448", "#c7d2fe"),
    "expert": Palette("#fbbf24", "#b45309", "#451a03", "#fde68a"),
}
_DEFAULT = _PALETTES["practitioner"]


@dataclass(frozen=True)
class Face:
    """What stands on a badge."""

    name: str
    level: str
    issuer: str
    date: str
    """Day of issue; empty on the picture of a path."""
    assurance: str


def face_of(claims: Claims) -> Face:
    """Return what stands on the badge of a credential."""
    return Face(
        claims.name, claims.level, claims.issuer_name, claims.issued_at[:10], claims.assurance
    )


def draw(face: Face) -> str:
    """Return the picture as an SVG document."""
    face = Face(*map(printable, astuple(face)))
    palette = _PALETTES.get(face.level.lower(), _DEFAULT)
    title = ", ".join(filter(None, (face.name, face.level)))
    return "".join(
        (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512" width="512"'
            f' height="512" role="img" aria-labelledby="badge-title" font-family="{_FONT}">',
            f'<title id="badge-title">{escape(title)}</title>',
            _definitions(palette),
            _body(palette),
            _emblem(palette),
            _title(face.name),
            _ribbon(face.level, palette),
            _foot(face, palette),
            "</svg>",
        )
    )


def _definitions(palette: Palette) -> str:
    return (
        "<defs>"
        '<linearGradient id="rim" x1="0" y1="0" x2="0.6" y2="1">'
        f'<stop offset="0" stop-color="{palette.light}"/>'
        f'<stop offset="1" stop-color="{palette.deep}"/></linearGradient>'
        '<radialGradient id="field" cx="0.5" cy="0.28" r="0.85">'
        f'<stop offset="0" stop-color="{palette.deep}"/>'
        f'<stop offset="1" stop-color="{palette.dark}"/></radialGradient>'
        '<linearGradient id="band" x1="0" y1="0" x2="0" y2="1">'
        f'<stop offset="0" stop-color="#ffffff"/><stop offset="1" stop-color="{palette.accent}"/>'
        "</linearGradient>"
        f'<clipPath id="inside"><path d="{_hexagon(256, 256, 219)}"/></clipPath>'
        "</defs>"
    )


def _body(palette: Palette) -> str:
    return (
        f'<path d="{_hexagon(256, 256, 238)}" fill="url(#rim)" stroke="url(#rim)"'
        ' stroke-width="22" stroke-linejoin="round"/>'
        f'<path d="{_hexagon(256, 256, 219)}" fill="url(#field)" stroke="{palette.accent}"'
        ' stroke-opacity="0.55" stroke-width="3" stroke-linejoin="round"/>'
        f'<g clip-path="url(#inside)" fill="none" stroke="{palette.accent}"'
        f' stroke-opacity="0.10" stroke-width="2">{_lattice()}</g>'
    )


def _emblem(palette: Palette) -> str:
    """Draw a cluster: nodes around a plane that carries a tick."""
    nodes = _corners(256, 112, 56)
    spokes = "".join(f"M256 112L{x} {y}" for x, y in nodes)
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="8"/>' for x, y in nodes)
    return (
        f'<path d="{spokes}{_hexagon(256, 112, 56)}" fill="none" stroke="{palette.accent}"'
        f' stroke-opacity="0.6" stroke-width="3"/><g fill="{palette.accent}">{dots}</g>'
        f'<path d="{_hexagon(256, 112, 33)}" fill="#ffffff" stroke="#ffffff" stroke-width="6"'
        ' stroke-linejoin="round"/>'
        f'<path d="M240 113l11 12l22 -25" fill="none" stroke="{palette.deep}" stroke-width="9"'
        ' stroke-linecap="round" stroke-linejoin="round"/>'
    )


def _title(name: str) -> str:
    size, lines = fit_title(name)
    first = 254 - (len(lines) - 1) * size * LEADING / 2
    style = f'font-weight="700" {_WHITE}'
    return "".join(
        draw_line(line, first + number * size * LEADING, size, TITLE_WIDTH, style)
        for number, line in enumerate(lines)
    )


def _ribbon(level: str, palette: Palette) -> str:
    if not level:
        return ""
    style = f'font-weight="800" letter-spacing="3" fill="{palette.dark}"'
    return (
        f'<path d="M22 348l34 26l-34 26h70v-52zM490 348l-34 26l34 26h-70v-52z"'
        f' fill="{palette.deep}"/>'
        f'<path d="M62 390v10h30zM450 390v10h-30z" fill="{palette.dark}"/>'
        '<rect x="62" y="336" width="388" height="54" rx="5" fill="url(#band)"/>'
        + draw_line(level.upper(), 363, 28, 310, style)
    )


def _foot(face: Face, palette: Palette) -> str:
    soft = f'fill="{palette.accent}"'
    return "".join(
        (
            draw_line(face.issuer, 409, 19, 250, f'font-weight="600" {_WHITE}'),
            draw_line(face.date, 431, 17, 170, soft),
            draw_line(face.assurance, 450, 13, 90, soft),
        )
    )


def _lattice() -> str:
    """Draw the hexagons of the background."""
    cells = [
        _hexagon(256 + (column - 4 + row % 2 / 2) * 72, 256 + (row - 4) * 62.4, 41.6)
        for row in range(9)
        for column in range(9)
    ]
    return f'<path d="{"".join(cells)}"/>'


def _hexagon(x: float, y: float, radius: float) -> str:
    return "M" + "L".join(f"{cx:g} {cy:g}" for cx, cy in _corners(x, y, radius)) + "Z"


def _corners(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    directions = ((0, -1), (0.866, -0.5), (0.866, 0.5), (0, 1), (-0.866, 0.5), (-0.866, -0.5))
    return [(round(x + radius * dx, 1), round(y + radius * dy, 1)) for dx, dy in directions]
