"""Problems of an input document, each one sentence with file and key."""

from __future__ import annotations

from pydantic import ValidationError


def describe_problems(error: ValidationError, origin: str) -> list[str]:
    """Turn a pydantic error into sentences such as `lab.yaml: tasks[1].id: Field required`."""
    return [
        f"{origin}: {_key(problem['loc'])}{_say(problem['type'], problem['msg'])}"
        for problem in error.errors(include_url=False, include_input=False)
    ]


def _key(location: tuple[int | str, ...]) -> str:
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return f"{key}: " if key else ""


def _say(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "unknown key"
    return message.removeprefix("Value error, ")
