"""The catalogue as a table for people."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from graders.forgeries.catalogue import forgeries

_HEAD = "| name | what it does | why it must not work | tried on |\n| --- | --- | --- | --- |"


def catalogue_table() -> str:
    """Return the catalogue in Markdown, one table for each family."""
    return "\n".join(_lines()).strip()


def _lines() -> Iterator[str]:
    for family, found in groupby(forgeries(), key=lambda one: one.family):
        yield f"\n### {family.value.capitalize()}\n\n{_HEAD}"
        for one in found:
            yield f"| `{one.name}` | {one.tries} | {one.fails_because} | {one.state.value} |"
