"""Telling: values and paths as people write them in YAML, on one line, never too long."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

SHOWN = 8
"""Differences that are shown; the others are counted."""
_LONGEST = 160
_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_-]*")


class _Absent:
    def __repr__(self) -> str:
        return "(absent)"


ABSENT = _Absent()
"""What is found where nothing is."""


@dataclass(frozen=True)
class Hidden:
    """A value that is compared like any other and never shown: the learner must find it out."""

    value: Any
    told: str = "(not told)"
    """What is shown instead."""

    def __repr__(self) -> str:
        return self.told


def hidden(value: Any) -> Any:
    """Mark an expected value as one that `expect_match` compares but does not show."""
    return Hidden(value)


def reveal(value: Any) -> Any:
    """Return a value without the marks of `hidden`."""
    if isinstance(value, Hidden):
        return reveal(value.value)
    if isinstance(value, Mapping):
        return {reveal(key): reveal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [reveal(item) for item in value]
    return value


class Difference(NamedTuple):
    """One place where something is not as expected."""

    path: str
    expected: str
    found: str


def below(path: str, key: object) -> str:
    """Return the path of what is in a map or a list.

    Args:
        path: of the map or list; empty for the whole object.
        key: a key, or the place in a list.
    """
    if isinstance(key, int):
        return f"{path}[{key}]"
    text = str(key)
    if not _PLAIN_KEY.fullmatch(text):
        return f'{path}["{text}"]'
    return f"{path}.{text}" if path else text


def tell(value: Any) -> str:
    """Return a value as YAML on one line."""
    if value is ABSENT or isinstance(value, Hidden):
        return repr(value)
    shown = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, width=10**6, allow_unicode=True
    )
    return shorten(shown.removesuffix("\n").removesuffix("\n..."))


def shorten(text: str) -> str:
    """Cut what is too long for a line."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def both_sides(found: Iterable[Difference]) -> tuple[str, str]:
    """Return what was expected and what was found, a line for each path."""
    all_of_them = list(dict.fromkeys(found))
    shown, beyond = all_of_them[:SHOWN], len(all_of_them) - SHOWN
    more = [f"and {beyond} more"] if beyond > 0 else []
    return (
        "\n".join([*(_line(d.path, d.expected) for d in shown), *more]),
        "\n".join([*(_line(d.path, d.found) for d in shown), *more]),
    )


def _line(path: str, text: str) -> str:
    return f"{path}: {text}" if path else text


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_hidden(dumper: yaml.SafeDumper, value: Hidden) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", repr(value))


def _represent_sequence(dumper: yaml.SafeDumper, value: Sequence[Any]) -> yaml.Node:
    return dumper.represent_list(list(value))


_Dumper.add_representer(Hidden, _represent_hidden)
_Dumper.add_representer(tuple, _represent_sequence)
_Dumper.add_multi_representer(object, lambda dumper, value: dumper.represent_str(repr(value)))
