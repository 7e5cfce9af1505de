"""Equivalent mutants: generated ones that an author declares to be right, with a reason.

`mutants/equivalent.yaml` maps names, in which `*` stands for anything, to reasons:

    claim-devices/change create pods spec.containers[*].image other: Any image will do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from clusters.errors import InputInvalid
from graders.lab import Lab

NAME = "equivalent.yaml"


@dataclass(frozen=True)
class Equivalents:
    """What the author of a lab declares to be right."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    """By pattern of names."""

    def reason(self, name: str) -> str:
        """Return why a generated mutant is right; empty where it is not declared to be."""
        found = (why for pattern, why in self.reasons.items() if _matches(pattern, name))
        return next(found, "")

    def unused(self, names: Iterable[str]) -> list[str]:
        """Return the patterns that match none of the names."""
        known = list(names)
        return [p for p in self.reasons if not any(_matches(p, name) for name in known)]


def read_equivalents(lab: Lab) -> Equivalents:
    """Read what the author of a lab declares; nothing where there is no such file.

    Raises:
        InputInvalid: with every problem of the file.
    """
    path = lab.folder / "mutants" / NAME
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Equivalents()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputInvalid([f"{path}: is not YAML: {' '.join(str(error).split())}"]) from error
    if problems := list(_problems(path, document, lab)):
        raise InputInvalid(problems)
    return Equivalents(document or {})


def _problems(path: Path, document: object, lab: Lab) -> Iterator[str]:
    if document is None:
        return
    if not isinstance(document, dict):
        yield f"{path}: must map names of generated mutants to reasons"
        return
    for name, why in document.items():
        if not isinstance(why, str) or not why.strip():
            yield f"{path}: {name}: needs a reason, one sentence"
        task, slash, _ = str(name).partition("/")
        if not slash or not any(_matches(task, id) for id in lab.task_ids):
            yield f"{path}: {name}: must begin with a task of lab.yaml and '/'"


def _matches(pattern: str, name: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
