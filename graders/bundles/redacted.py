"""Redacted: what stands in a replay where a secret was."""

from __future__ import annotations

from typing import Any, NoReturn

from graders.bundles.redaction import MARK
from graders.errors import GradingError


class NotRecorded(GradingError):
    """A check asks for something that its evidence does not hold; says what it is."""


class Redacted:
    """A text that was not kept. It can be copied and compared with its like; no more.

    It is no `str`, so that whatever else is tried with it ends in an error.
    """

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        """Tell equal from different secrets; a secret and a text cannot be compared."""
        if isinstance(other, Redacted):
            return self.number == other.number
        if isinstance(other, str):
            self._refuse()
        return False

    def __copy__(self) -> Redacted:
        return self

    def __deepcopy__(self, memo: object) -> Redacted:
        return self

    def _refuse(self, *arguments: object) -> NoReturn:
        raise NotRecorded("The evidence holds no values of Secrets, no tokens and no private keys")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._refuse()

    __hash__ = _refuse
    __bool__ = _refuse
    __str__ = _refuse
    __repr__ = _refuse
    __format__ = _refuse
    __len__ = _refuse
    __iter__ = _refuse
    __contains__ = _refuse
    __getitem__ = _refuse
    __add__ = _refuse
    __radd__ = _refuse
    __mod__ = _refuse
    __lt__ = _refuse
    __le__ = _refuse
    __gt__ = _refuse
    __ge__ = _refuse
    __int__ = _refuse
    __float__ = _refuse
    __bytes__ = _refuse


def restored(value: dict[str, Any]) -> Any:
    """Return a JSON object, or what stands for the secret that it marks; for `json.loads`."""
    if len(value) == 1 and isinstance(number := value.get(MARK), int):
        return Redacted(number)
    return value


def marked(value: object) -> dict[str, int]:
    """Return the mark of a secret; for `json.dumps`."""
    if isinstance(value, Redacted):
        return {MARK: value.number}
    raise TypeError(f"{type(value).__name__} is no JSON value")
