"""Values that cross between processes, and what is refused at the border."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import pytest

from graders.formative.lines import Lines, LinesBroken
from graders.formative.values import Reference, ValueInvalid, from_wire, is_data, to_wire


def crossed(value: object) -> Any:
    """Send a value over and back again; what is no data comes as its Reference."""
    document = json.loads(json.dumps(to_wire(value, lambda v: Reference(7, type(v).__name__))))
    return from_wire(document, lambda reference: reference)


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -(2**70), 1.5, math.inf, "", "ü\ud800", b"\x00\xff", 1 + 2j, [], (), set()],
)
def test_data_crosses_unchanged(value: object) -> None:
    assert crossed(value) == value
    assert type(crossed(value)) is type(value)
    assert crossed([{"k": (value,)}]) == [{"k": (value,)}]


def test_not_a_number_stays_none() -> None:
    assert math.isnan(crossed(math.nan))


def test_what_only_looks_like_data_does_not_cross() -> None:
    class Liar(int):
        pass

    assert crossed([Liar(3)]) == [Reference(7, "Liar")]
    assert not is_data(Liar(3))


def test_what_is_too_deep_or_too_large_does_not_cross() -> None:
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    endless: list[Any] = []
    endless.append(endless)

    assert crossed(deep) == Reference(7, "list")
    assert crossed(endless) == Reference(7, "list")
    assert crossed(list(range(200_000))) == Reference(7, "list")


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        ["list"],
        ["list", 3],
        ["eval", "1"],
        ["bytes", "%%"],
        ["bytes", 3],
        ["complex", ["1"]],
        ["dict", [[["list", []], 1]]],
        ["dict", [[1]]],
        ["reference", ["x", "y"]],
        ["set", [["list", []]]],
    ],
)
def test_what_writing_never_makes_is_refused(document: Any) -> None:
    with pytest.raises(ValueInvalid):
        from_wire(document, lambda reference: reference)


def test_nesting_beyond_the_limit_is_refused() -> None:
    document: Any = 1
    for _ in range(60):
        document = ["list", [document]]

    with pytest.raises(ValueInvalid, match="too deep"):
        from_wire(document, lambda reference: reference)


@pytest.mark.parametrize("written", [b"[1]", b"no json", b"9" * 5000, b"[" * 100_000, b"\xff"])
def test_a_line_that_is_no_answer_breaks_the_conversation(written: bytes) -> None:
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as end:
        end.write(written[:60_000] + b"\n")
    lines = Lines(reading, os.open(os.devnull, os.O_WRONLY))

    with pytest.raises(LinesBroken, match="what is no answer"):
        lines.receive(5)
    with pytest.raises(LinesBroken, match="it has ended"):
        lines.receive(5)
    lines.close()
