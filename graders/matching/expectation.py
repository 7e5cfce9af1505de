"""expect_match: fails a check with a short difference of YAML paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graders.checks import CheckFailed
from graders.matching.telling import Difference, both_sides
from graders.matching.tree import differences


def expect_match(found: Any, expected: Any, message: str = "", *, hint: str = "") -> None:
    """Fail the check unless something is as a pattern says.

    Args:
        found: an object as `cluster.get` returns it, or any part of one.
        expected: the pattern: a tree that names only what matters, with operators such as
            `{"$ge": 2}`. `hidden(value)` keeps a value out of what the learner sees.
        message: one sentence for the learner; by default it names the object.
        hint: where to look.

    Raises:
        CheckFailed: it is not; expected and found hold a line for each path.
        PatternInvalid: the pattern has a mistake.
    """
    if different := differences(found, expected):
        raise not_as_expected(
            message or f"{name_of(found)} is not as it should be", different, hint
        )


def not_as_expected(message: str, different: Iterable[Difference], hint: str = "") -> CheckFailed:
    """Return the failure that shows differences."""
    expected, found = both_sides(different)
    return CheckFailed(message, expected, found, hint)


def name_of(found: Any) -> str:
    """Return how an object is called in a sentence."""
    if not isinstance(found, Mapping) or not isinstance(found.get("metadata"), Mapping):
        return "This"
    metadata = found["metadata"]
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"The {found.get('kind') or 'object'} {place}{metadata.get('name', '')}".rstrip()
