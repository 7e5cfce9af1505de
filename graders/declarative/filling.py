"""Filling: puts the parameters into a parsed check, and marks what the learner must find out.

Templates stand in texts: `name: "{{ web }}"`. A text that is one `{{ ... }}` and nothing else
becomes the value with its type, so that `replicas: "{{ replicas }}"` is a number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from graders.errors import GradingError
from graders.matching import Hidden
from graders.matching.telling import below
from graders.templating import fill_in_value, names_used

AS_AT_THE_START = "(as at the start)"
VERBATIM = frozenset({"expression", "found"})
"""Keys of `cel` whose texts are no templates: they say `params.name`."""


@dataclass
class Filling:
    """Fills in one document and collects what is wrong."""

    values: Mapping[str, Any]
    """The parameters."""
    answers: Collection[str] = ()
    """Names of the parameters that the learner must find out."""
    baseline: Mapping[str, Any] | None = None
    """What was recorded at the start; None where it is not known, as in lint."""
    problems: list[str] = field(default_factory=list)

    def fill(self, node: Any, path: str = "") -> Any:
        """Return a parsed document with its templates filled in."""
        if isinstance(node, str):
            return self._fill_text(node, path)
        if isinstance(node, list):
            return [self.fill(item, below(path, place)) for place, item in enumerate(node)]
        if not isinstance(node, Mapping):
            return node
        if set(node) == {"$baseline"}:
            return self._recorded(node["$baseline"], path)
        return {
            self._fill_key(key, path): value
            if key in VERBATIM and path.endswith(".cel")
            else self.fill(value, below(path, key))
            for key, value in node.items()
        }

    def _fill_text(self, text: str, path: str) -> Any:
        if "{" not in text:
            return text
        value, problems = fill_in_value(text, self.values, path)
        self.problems += problems
        return Hidden(value) if names_used(text) & set(self.answers) else value

    def _fill_key(self, key: Any, path: str) -> Any:
        filled = self._fill_text(key, path) if isinstance(key, str) else key
        return filled.value if isinstance(filled, Hidden) else filled

    def _recorded(self, name: Any, path: str) -> Hidden:
        if self.baseline is None:
            return Hidden("unknown", AS_AT_THE_START)
        value: Any = self.baseline
        for part in str(name).split("."):
            if not isinstance(value, Mapping) or part not in value:
                raise GradingError(f"{path}: checks/baseline.py did not record {name!r}")
            value = value[part]
        return Hidden(value, AS_AT_THE_START)
