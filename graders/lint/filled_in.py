"""Lint of what is filled in with parameters: inventory and manifests, with several seeds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from clusters.errors import InputInvalid
from graders.lab import Lab
from graders.lint.declared import names_in_declared
from graders.lint.seeds import SEEDS
from graders.rendering import (
    cell_source,
    read_notebook,
    render_inventory,
    render_manifests,
    render_safeguards,
)
from graders.templating import names_used
from graders.variant import Variant, draw_variant


def inventory_problems(lab: Lab) -> list[str]:
    """Return what is wrong with `inventory.yaml` for any of the seeds."""
    return problems_for_seeds(lab, render_inventory)


def manifest_problems(lab: Lab) -> list[str]:
    """Return what is wrong with `manifests/` for any of the seeds."""
    return problems_for_seeds(lab, render_manifests)


def safeguard_problems(lab: Lab) -> list[str]:
    """Return what is wrong with the objects of safeguards for any of the seeds."""
    return problems_for_seeds(lab, render_safeguards)


def problems_for_seeds(lab: Lab, render: Callable[[Lab, Variant], Any]) -> list[str]:
    """Return the problems of rendering with several seeds, each once."""
    problems: dict[str, None] = {}
    for seed in SEEDS:
        try:
            render(lab, draw_variant(lab.document.parameters, seed))
        except InputInvalid as error:
            problems |= dict.fromkeys(error.problems)
    return list(problems)


def unused_parameters(lab: Lab) -> Iterator[str]:
    """Yield the parameters that neither a template nor a check uses."""
    unused = set(lab.document.parameters) - _names_in_templates(lab) - _texts_in_checks(lab)
    for name in sorted(unused):
        yield f"{lab.folder / 'lab.yaml'}: parameters.{name}: is used nowhere"


def _names_in_templates(lab: Lab) -> set[str]:
    paths = [lab.folder / "inventory.yaml", *(lab.folder / "manifests").glob("*.yaml")]
    texts = [_text(path) for path in paths]
    for safeguard in lab.document.safeguards:
        texts += [safeguard.object.name, safeguard.object.namespace or ""]
    try:
        texts += [cell_source(c) for c in read_notebook(lab.folder / "notebook.ipynb")["cells"]]
    except InputInvalid:
        pass  # told by the lint of the notebook
    return names_in_declared(lab.folder).union(*(names_used(text) for text in texts))


def _texts_in_checks(lab: Lab) -> set[str]:
    texts: set[str] = set()
    for path in (lab.folder / "checks").glob("*.py"):
        try:
            tree = ast.parse(_text(path))
        except (SyntaxError, ValueError):
            continue  # told by the lint of the checks
        constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        texts |= {value for value in constants if isinstance(value, str)}
    return texts


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""  # told by the rendering
