"""Lettering: lines of text in a picture whose fonts nobody knows beforehand.

Fonts cannot travel with an SVG, so widths are estimated on the wide side, and a line that could
still be too long is squeezed.
"""

from __future__ import annotations

import unicodedata
from xml.sax.saxutils import escape

TITLE_WIDTH = 330
"""Room for a line of the title, in units of the picture."""
LEADING = 1.14
"""From one line of the title to the next, by the height of a letter."""
_TITLE_HEIGHT = 138
_TITLE_SIZES = (50, 44, 38, 32, 27)
_SMALLEST = 11
"""Letters below are not read; what is still too long is squeezed."""
_WIDE = 0.66
"""Width of a bold letter by its height, in a wide font."""
_NARROW = 0.8
"""A narrow font by a wide one; a line that fits in neither is squeezed, and none is stretched."""


def draw_line(text: str, middle: float, size: float, room: float, style: str) -> str:
    """Draw a line around x = 256, smaller where it could be wider than its room.

    Args:
        text: what to write; it is escaped.
        middle: height of the middle of the line.
        size: height of a letter, when there is room.
        room: how wide it may be.
        style: more attributes.
    """
    if not text:
        return ""
    size = max(_SMALLEST, min(size, size * room / _width(text, size)))
    squeeze = ""
    if _width(text, size) * _NARROW > room:
        squeeze = f' textLength="{room:g}" lengthAdjust="spacingAndGlyphs"'
    return (
        f'<text x="256" y="{middle + size * 0.36:.1f}" font-size="{size:.3g}" text-anchor="middle"'
        f" {style}{squeeze}>{escape(text)}</text>"
    )


def fit_title(name: str) -> tuple[float, list[str]]:
    """Return the largest size at which the lines of a title fit, and the lines."""
    for size in _TITLE_SIZES:
        lines = _wrap(name, size)
        narrow = all(_width(line, size) <= TITLE_WIDTH for line in lines)
        if narrow and len(lines) * size * LEADING <= _TITLE_HEIGHT:
            break
    most = int(_TITLE_HEIGHT / size / LEADING)
    return size, [*lines[: most - 1], " ".join(lines[most - 1 :])]


def _wrap(name: str, size: float) -> list[str]:
    lines: list[str] = []
    for word in name.split():
        if lines and _width(f"{lines[-1]} {word}", size) <= TITLE_WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _width(text: str, size: float) -> float:
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return (len(text) * _WIDE + wide * (1 - _WIDE)) * size


def printable(text: str) -> str:
    """Leave out what XML cannot hold."""
    return "".join(letter for letter in text if letter.isprintable())
