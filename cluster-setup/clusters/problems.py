"""Problems of an input document, each one sentence with file and key."""

from __future__ import annotations

import re

from pydantic import AfterValidator, ValidationError

_WORDS = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
    "string_type": "must be text: put it in quotes",
}


def matching(pattern: str, what: str) -> AfterValidator:
    """Return a pydantic validator for text, which says in words what it should have been.

    Args:
        pattern: regular expression for the whole text.
        what: completes the sentence "'x' is not ...", for example "a name such as gpu-node-0".
    """
    compiled = re.compile(pattern)

    def look(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"{value!r} is not {what}")
        return value

    return AfterValidator(look)


def describe_problems(error: ValidationError, origin: str) -> list[str]:
    """Turn a pydantic error into sentences such as `lab.yaml: tasks[1].id: is missing`."""
    problems = error.errors(include_url=False, include_input=False)
    places = [problem["loc"] for problem in problems]
    return [
        f"{origin}: {_key(problem['loc'])}{_say(problem['type'], problem['msg'])}"
        for problem in problems
        if not (problem["type"] == "too_short" and _within(problem["loc"], places))
    ]


def _within(place: tuple[int | str, ...], places: list[tuple[int | str, ...]]) -> bool:
    """Whether something inside `place` is wrong: then it only seems too short."""
    return any(other[: len(place)] == place and other != place for other in places)


def _key(location: tuple[int | str, ...]) -> str:
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return f"{key}: " if key else ""


def _say(kind: str, message: str) -> str:
    return _WORDS.get(kind) or message.removeprefix("Value error, ")
