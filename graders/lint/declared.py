"""Lint of declarative checks: everything about them that can be known without a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from clusters.addons.catalogue import existing
from clusters.capability import Capability
from clusters.errors import InputInvalid
from graders.declarative.documents import Cel, CheckDocument
from graders.declarative.filling import VERBATIM
from graders.declarative.loading import DeclaredCheck, declared_checks
from graders.lab import Lab
from graders.lint.seeds import SEEDS
from graders.templating import names_used
from graders.variant import draw_variant

_PARAMETER = re.compile(r"\bparams\.([A-Za-z_][A-Za-z0-9_]*)")
_TRAFFIC = ("http", "promql")


class Declared(NamedTuple):
    """The declarative checks of a lab, as far as they can be read."""

    checks: list[DeclaredCheck]
    problems: list[str]
    """Of the files that cannot."""


def read_declared(folder: Path) -> Declared:
    """Return the declarative checks of a lab's folder."""
    found = Declared([], [])
    for path in sorted((folder / "checks").glob("*.yaml")):
        try:
            found.checks.extend(declared_checks(path))
        except InputInvalid as error:
            found.problems.extend(error.problems)
    return found


def declared_problems(lab: Lab) -> list[str]:
    """Return what is wrong with the declarative checks of a lab for any of several seeds."""
    declared = read_declared(lab.folder)
    problems = dict.fromkeys(declared.problems)
    for check in declared.checks:
        for seed in SEEDS:
            try:
                document = check.filled_in(draw_variant(lab.document.parameters, seed))
            except InputInvalid as error:
                problems |= dict.fromkeys(error.problems)
            else:
                found = _problems(lab, document)
                problems |= dict.fromkeys(f"{check.place}: {problem}" for problem in found)
    return list(problems)


def names_in_declared(folder: Path) -> set[str]:
    """Return the parameters that the declarative checks of a lab use."""
    texts = [text for check in read_declared(folder).checks for text in _texts(check.document)]
    return set().union(*texts) if texts else set()


def _problems(lab: Lab, document: CheckDocument) -> Iterator[str]:
    for place, requirement in enumerate(document.require):
        where = f"require[{place}]"
        if requirement.cel is not None:
            found = _cel_problems(requirement.cel, lab)
            yield from (f"{where}.cel.{problem}" for problem in found)
        for verb in _TRAFFIC:
            if getattr(requirement, verb) is not None and not _has_services(lab):
                yield f"{where}.{verb}: needs the capability networking in lab.yaml"


def _has_services(lab: Lab) -> bool:
    """Say whether any Service answers: those of add-ons do without a network of Pods."""
    addons = existing(lab.document.addons)
    return Capability.NETWORKING in lab.document.capabilities or any(a.process for a in addons)


def _cel_problems(entry: Cel, lab: Lab) -> Iterator[str]:
    from graders.declarative.cel import CelInvalid, compile_expression  # 50 MB

    for key, expression, returns in (
        ("expression", entry.expression, "BOOL"),
        ("found", entry.found, "STRING"),
    ):
        if expression is None:
            continue
        try:
            compile_expression(expression, frozenset(entry.objects), returns)
        except CelInvalid as error:
            yield f"{key}: {error}"
        for name in sorted(set(_PARAMETER.findall(expression)) - set(lab.document.parameters)):
            yield f"{key}: {name!r} is not a parameter of lab.yaml"


def _texts(node: Any, key: str = "") -> Iterator[set[str]]:
    if isinstance(node, str):
        yield set(_PARAMETER.findall(node)) if key in VERBATIM else names_used(node)
    elif isinstance(node, dict):
        for name, item in node.items():
            yield names_used(str(name))
            yield from _texts(item, str(name))
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item, key)
