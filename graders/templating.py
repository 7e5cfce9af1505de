"""Templating: Jinja2 over a lab's parameters, strict and sandboxed, every problem with its line."""

from __future__ import annotations

import re
import traceback
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.environment import TemplateExpression
from jinja2.sandbox import ImmutableSandboxedEnvironment

_TEMPLATES = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
)

_ONE_EXPRESSION = re.compile(r"\s*\{\{-?((?:(?!\{\{|\}\}).)*)-?\}\}\s*", re.DOTALL)
_KEPT = 2000
"""Compiled templates that are kept: a warm grader fills in the same ones again and again."""


def names_used(text: str) -> set[str]:
    """Return the names that a template takes from outside; none of one that does not parse."""
    try:
        return set(meta.find_undeclared_variables(_parsed(text)))
    except TemplateSyntaxError:
        return set()


def template_problems(text: str, names: Collection[str], origin: str) -> list[str]:
    """Return what is wrong with a template before it is filled in.

    Args:
        text: the template.
        names: the parameters that there are.
        origin: file, for the sentences.
    """
    try:
        tree = _parsed(text)
    except TemplateSyntaxError as error:
        return [f"{origin}:{error.lineno}: {error.message}"]
    unknown = meta.find_undeclared_variables(tree) - set(names)
    return [
        f"{origin}:{line}: {name!r} is not a parameter of lab.yaml"
        for line, name in sorted(_first_lines(tree, unknown))
    ]


def fill_in(text: str, values: Mapping[str, Any], origin: str) -> tuple[str, list[str]]:
    """Fill in a template.

    Returns:
        The text, and what was wrong: with a problem the text is empty.
    """
    if problems := template_problems(text, values.keys(), origin):
        return "", problems
    try:
        return _compiled(text).render(values), []
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        return "", [f"{origin}:{_line_of(error)}: {' '.join(str(error).split())}"]


def fill_in_value(text: str, values: Mapping[str, Any], origin: str) -> tuple[Any, list[str]]:
    """Fill in a template that may stand for more than a text.

    A template that is one `{{ ... }}` and nothing else gives the value itself, with its type.

    Returns:
        The value, and what was wrong.
    """
    inside = _ONE_EXPRESSION.fullmatch(text)
    filled, problems = fill_in(text, values, origin)
    if problems or inside is None:
        return filled, problems
    return _expression(inside[1])(values), []


def _first_lines(tree: nodes.Template, names: Collection[str]) -> Iterator[tuple[int, str]]:
    for name in names:
        yield min(n.lineno for n in tree.find_all(nodes.Name) if n.name == name), name


def _line_of(error: Exception) -> int:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == "<template>"]
    return (lines or [None])[-1] or 1


@lru_cache(_KEPT)
def _parsed(text: str) -> nodes.Template:
    return _TEMPLATES.parse(text)


@lru_cache(_KEPT)
def _compiled(text: str) -> Template:
    return _TEMPLATES.from_string(text)


@lru_cache(_KEPT)
def _expression(text: str) -> TemplateExpression:
    return _TEMPLATES.compile_expression(text, undefined_to_none=False)
