"""The catalogue: every add-on, and what naming some of them comes to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from clusters.addons.addon import AddOn, load_addon
from clusters.capability import Capability
from clusters.errors import InputInvalid, NotFound, PreflightError
from clusters.vllm import HOW_TO_GET_IT, installed

FOLDER = Path(__file__).resolve().parents[2] / "addons"
"""One folder for each add-on; it is part of the source tree, not of a wheel."""


@lru_cache(maxsize=1)
def catalogue() -> dict[str, AddOn]:
    """Return every add-on, by name.

    Raises:
        InputInvalid: a file is broken; that is a fault of this source tree.
    """
    found = [load_addon(path) for path in sorted(FOLDER.glob("*/addon.yaml"))]
    return {addon.name: addon for addon in found}


def find_addon(name: str) -> AddOn:
    """Return one add-on.

    Raises:
        NotFound: the catalogue does not have it.
    """
    if name not in catalogue():
        raise NotFound(_unknown(name))
    return catalogue()[name]


def with_needs(names: Iterable[str]) -> tuple[AddOn, ...]:
    """Return add-ons with all that they need, each once, what is needed before what needs it.

    Raises:
        NotFound: the catalogue does not have one of them.
    """
    order: dict[str, AddOn] = {}
    for name in names:
        addon = find_addon(name)
        for part in (*with_needs(addon.needs), addon):
            order.setdefault(part.name, part)
    return tuple(order.values())


def problems_of(names: Iterable[str], offered: frozenset[Capability]) -> list[str]:
    """Return why a cluster that offers these capabilities cannot have these add-ons; [] if it can.

    Args:
        names: what was asked for.
        offered: capabilities of the cluster, besides those that add-ons give.
    """
    chosen = list(names)
    problems = [_unknown(name) for name in chosen if name not in catalogue()]
    twice = sorted({name for name in chosen if chosen.count(name) > 1})
    problems += [f"add-on {name} is named twice" for name in twice]
    for addon in with_needs(name for name in chosen if name in catalogue()):
        for lacking in sorted(addon.requires - offered):
            problems.append(f"add-on {addon.name} needs the capability {lacking.value}")
    return problems


def require_addons(
    names: Iterable[str], provider: str, offered: frozenset[Capability]
) -> tuple[AddOn, ...]:
    """Return add-ons with all that they need, for a cluster that can have them.

    Args:
        names: what was asked for.
        provider: who makes the cluster.
        offered: its capabilities, besides those that add-ons give.

    Raises:
        InputInvalid: with every reason why it cannot.
        PreflightError: something has to be installed on this host first.
    """
    chosen = tuple(names)
    if problems := problems_of(chosen, offered):
        raise InputInvalid(problems)
    addons = with_needs(chosen)
    for addon in addons:
        if provider not in addon.providers:
            able = ", ".join(sorted(addon.providers))
            problems.append(f"add-on {addon.name} does not run on {provider}; it does on: {able}")
    if problems:
        raise InputInvalid(problems)
    if reason := why_not_here(chosen):
        raise PreflightError(reason)
    return addons


def why_not_here(names: Iterable[str]) -> str:
    """Return what has to be installed on this host first for add-ons; empty where nothing has.

    Raises:
        NotFound: the catalogue does not have one of them.
    """
    for addon in with_needs(names):
        if addon.setup and not installed().complete:
            return f"vLLM is not installed here, and add-on {addon.name} needs it: {HOW_TO_GET_IT}"
    return ""


def existing(names: Iterable[str]) -> tuple[AddOn, ...]:
    """Return add-ons of an existing cluster, leaving out those that the catalogue has no more."""
    return tuple(catalogue()[name] for name in names if name in catalogue())


def capabilities_needed(names: Iterable[str]) -> frozenset[Capability]:
    """Return what a cluster must offer by itself for these add-ons.

    Raises:
        NotFound: the catalogue does not have one of them.
    """
    return frozenset().union(*(addon.requires for addon in with_needs(names)))


def capabilities_of(names: Iterable[str]) -> frozenset[Capability]:
    """Return what a cluster offers with these add-ons, beyond what it offers anyway.

    Raises:
        NotFound: the catalogue does not have one of them.
    """
    given = (addon.capabilities for addon in with_needs(names))
    return frozenset().union(*given)


def components_of(names: Iterable[str], nodes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the processes that add-ons have in an existing cluster of these nodes."""
    return tuple(name for addon in existing(names) for name in addon.components(nodes))


def _unknown(name: str) -> str:
    return f"there is no add-on {name!r}; the catalogue has: {', '.join(catalogue())}"
