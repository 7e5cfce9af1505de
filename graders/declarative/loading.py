"""Loading: reads `checks/*.yaml`, at once for the tasks, and completely for one variant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from clusters.errors import InputInvalid
from clusters.problems import describe_problems
from graders.declarative.documents import CheckDocument
from graders.declarative.filling import Filling
from graders.variant import Variant

_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FILE_LIMIT = 256 << 10
"""Bytes of one file of checks."""


@dataclass(frozen=True)
class DeclaredCheck:
    """One document of a file, not filled in yet."""

    path: Path
    number: int
    """Place in the file, from 1."""
    document: Mapping[str, Any]

    @property
    def task(self) -> str:
        """Id of the task that it checks."""
        return str(self.document["task"])

    @property
    def place(self) -> str:
        """Where it stands, for sentences."""
        return f"{self.path}: document {self.number}"

    def uses(self, verb: str) -> bool:
        """Whether a requirement of it uses a verb."""
        require = self.document.get("require")
        entries = require if isinstance(require, list) else []
        return any(isinstance(entry, Mapping) and verb in entry for entry in entries)

    def filled_in(
        self, variant: Variant, baseline: Mapping[str, Any] | None = None
    ) -> CheckDocument:
        """Return the check with the parameters of a variant.

        Args:
            variant: the parameters.
            baseline: what was recorded at the start, where it is known.

        Raises:
            InputInvalid: with every problem.
        """
        filling = Filling(variant.values, variant.answers, baseline)
        filled = filling.fill(self.document)
        if filling.problems:
            raise InputInvalid([f"{self.place}: {problem}" for problem in filling.problems])
        try:
            return CheckDocument.model_validate(filled)
        except ValidationError as error:
            raise InputInvalid(describe_problems(error, self.place)) from error


def declared_checks(path: Path) -> list[DeclaredCheck]:
    """Return the checks of one file.

    Raises:
        InputInvalid: it cannot be read, or a document names no task.
    """
    try:
        if path.stat().st_size > FILE_LIMIT:
            raise InputInvalid([f"{path}: is larger than {FILE_LIMIT >> 10} KiB"])
        documents = list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=_YAML))
    except OSError as error:
        raise InputInvalid([f"{path}: cannot be read: {error.strerror}"]) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputInvalid([f"{path}:{line}: is not YAML: {error.problem}{_quote(error)}"]) from (
            error
        )
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputInvalid([f"{path}: is not YAML: {' '.join(str(error).split())}"]) from error
    numbered = [(n, document) for n, document in enumerate(documents, 1) if document is not None]
    if problems := list(_problems(path, numbered)):
        raise InputInvalid(problems)
    return [DeclaredCheck(path, number, document) for number, document in numbered]


def _problems(path: Path, numbered: list[tuple[int, Any]]) -> Iterator[str]:
    if not numbered:
        yield f"{path}: holds no check"
    for number, document in numbered:
        task = document.get("task") if isinstance(document, Mapping) else None
        if not isinstance(task, str):
            what = "is missing" if task is None else "must be a text; put it in quotes"
            yield f"{path}: document {number}: task: {what}"


def _quote(error: yaml.MarkedYAMLError) -> str:
    """Say what is usually wrong where a template stands without quotes."""
    is_template = "unhashable" in str(error.problem) or "flow mapping" in str(error.context)
    return '; put templates in quotes: "{{ name }}"' if is_template else ""
