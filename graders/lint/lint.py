"""Lint of a lab folder, put together from its parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clusters.errors import InputInvalid
from graders.lab import Lab, load_lab
from graders.lint.addons import addon_problems
from graders.lint.check_functions import check_problems
from graders.lint.declared import declared_problems
from graders.lint.filled_in import (
    inventory_problems,
    manifest_problems,
    safeguard_problems,
    unused_parameters,
)
from graders.lint.leaks import leak_problems
from graders.lint.likeness import answer_warnings, likeness_warnings
from graders.lint.notebook import notebook_problems
from graders.lint.scripts import mutant_problems, script_problems, solution_problems

_KNOWN: dict[str, tuple[str, ...]] = {
    "lab.yaml": (),
    "notebook.ipynb": (),
    "inventory.yaml": (),
    "README.md": (),
    "report-card.json": (),
    "manifests": ("*.yaml",),
    "checks": ("*.py", "*.yaml"),
    "solution": ("*/*.sh",),
    "mutants": ("*/*.sh", "equivalent.yaml"),
}
"""What a lab folder may hold, and the files that are read in each folder of it."""
_IS = {False: "is", True: "are"}


def lint_lab(folder: Path) -> list[str]:
    """Return every problem of a lab, each one sentence that names the file; [] when it is fine."""
    try:
        lab = load_lab(folder)
    except InputInvalid as error:
        return [*error.problems, *_layout_problems(folder), *script_problems(folder)]
    return [*_layout_problems(folder), *_content_problems(lab)]


def lint_warnings(folder: Path) -> list[str]:
    """Return what may well be meant so, and should be thought about; a sentence each."""
    try:
        lab = load_lab(folder)
    except InputInvalid:
        return []
    return [*likeness_warnings(lab), *answer_warnings(lab)]


def _content_problems(lab: Lab) -> Iterator[str]:
    yield from addon_problems(lab)
    yield from unused_parameters(lab)
    yield from inventory_problems(lab)
    yield from manifest_problems(lab)
    yield from leak_problems(lab)
    yield from safeguard_problems(lab)
    yield from notebook_problems(lab)
    yield from check_problems(lab)
    yield from declared_problems(lab)
    yield from solution_problems(lab)
    yield from mutant_problems(lab)
    yield from script_problems(lab.folder)


def _layout_problems(folder: Path) -> Iterator[str]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if _is_ignored(path):
            continue
        if path.name not in _KNOWN:
            yield f"{path}: is no part of a lab; it may hold {', '.join(_KNOWN)}"
        elif patterns := _KNOWN[path.name]:
            yield from _stray_files(path, patterns)


def _stray_files(folder: Path, patterns: tuple[str, ...]) -> Iterator[str]:
    read = {path for pattern in patterns for path in folder.glob(pattern)}
    known = " and ".join(f"{folder.name}/{pattern}" for pattern in patterns)
    for path in sorted(folder.rglob("*")):
        ignored = any(_is_ignored(part) for part in (path, *path.parents))
        if path.is_file() and path not in read and not ignored:
            yield f"{path}: is not read; only {known} {_IS[len(patterns) > 1]}"


def _is_ignored(path: Path) -> bool:
    return path.name.startswith(".") or path.name == "__pycache__"
