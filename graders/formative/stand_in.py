"""StandIn: what the tests hold in place of the learner's function, class or object.

A stand-in never says that it equals something, or that it is true: only data can answer for
itself, and an object of the learner's could say yes to every question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

from graders.formative.values import Reference

T = TypeVar("T")
Ask = Callable[[str, Reference, tuple[Any, ...], dict[str, Any]], Any]


class LearnerError(Exception):
    """The learner's code raised an exception of its own, or does not run any more."""


class StandIn:
    """Something that lives in the learner's room."""

    __slots__ = ("_ask", "_reference")

    def __init__(self, reference: Reference, ask: Ask) -> None:
        object.__setattr__(self, "_reference", reference)
        object.__setattr__(self, "_ask", ask)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call it in its room."""
        return self._ask("call", self._reference, arguments, keywords)

    def __getattr__(self, name: str) -> Any:
        return self._ask("get", self._reference, (name,), {})

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", self._reference, (name, value), {})

    def __getitem__(self, key: Any) -> Any:
        return self._ask("item", self._reference, (key,), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ask("put", self._reference, (key, value), {})

    def __len__(self) -> int:
        return _exactly(int, self._ask("length", self._reference, (), {}))

    def __contains__(self, part: Any) -> bool:
        return _exactly(bool, self._ask("contains", self._reference, (part,), {}))

    def __iter__(self) -> Iterator[Any]:
        return iter(_exactly(list, self._ask("iterate", self._reference, (), {})))

    def __str__(self) -> str:
        return _exactly(str, self._ask("text", self._reference, (), {}))

    def __repr__(self) -> str:
        return _exactly(str, self._ask("repr", self._reference, (), {}))

    def __eq__(self, other: object) -> NoReturn:
        self._refuse("be compared")

    def __ne__(self, other: object) -> NoReturn:
        self._refuse("be compared")

    def __bool__(self) -> NoReturn:
        self._refuse("be true or false")

    __hash__ = object.__hash__

    def _refuse(self, what: str) -> NoReturn:
        raise TypeError(
            f"the answer is an object of type {self._reference.kind}, which cannot {what}; only "
            "numbers, texts, lists and other plain data can"
        )


def reference_of(value: object) -> Reference:
    """Return the Reference of a stand-in, to be sent back to where it came from.

    Raises:
        TypeError: the value is none; the tests may pass only data and what they were given.
    """
    if type(value) is not StandIn:
        raise TypeError(
            f"a test cannot pass an object of type {type(value).__name__} to the learner's code; "
            "only plain data can cross"
        )
    reference: Reference = object.__getattribute__(value, "_reference")
    return reference


def _exactly(kind: type[T], value: object) -> T:
    if type(value) is not kind:
        raise TypeError(f"the code answered with {type(value).__name__}, not {kind.__name__}")
    return value
