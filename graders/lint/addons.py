"""Lint of the add-ons that a lab asks for."""

from __future__ import annotations

from collections.abc import Iterator

from clusters.addons.catalogue import existing, problems_of, with_needs
from graders.lab import Lab


def addon_problems(lab: Lab) -> Iterator[str]:
    """Yield what is wrong with the add-ons of a lab, wherever it is to run."""
    names, offered = lab.document.addons, frozenset(lab.document.capabilities)
    place = f"{lab.folder / 'lab.yaml'}: addons"
    for problem in problems_of(names, offered):
        yield f"{place}: {problem}"
    chosen = with_needs(addon.name for addon in existing(names))
    if chosen and not frozenset.intersection(*(addon.providers for addon in chosen)):
        able = "; ".join(f"{a.name} on {', '.join(sorted(a.providers))}" for a in chosen)
        yield f"{place}: no provider runs all of them: {able}"
