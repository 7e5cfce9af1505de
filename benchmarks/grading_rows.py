"""Rows: the figures of the grading benchmark, each with its target, and whether it was met.

A section of `benchmarks/grading.py` is a function that measures something and returns its rows.
Where it stands in a module of its own, the function is called `measure`:

    def measure(quick: bool = False) -> list[Row]: ...

`quick` asks for so few samples that a test can run it; such figures say nothing.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rich.table import Table

Measure = Callable[[bool], "list[Row]"]
"""A section of the benchmark: told whether to be quick, it answers with figures."""


class Judged(StrEnum):
    """Which of a row's two numbers the target is about."""

    VALUE = "value"
    P95 = "p95"


class Bound(StrEnum):
    """On which side of the target a figure must be."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True)
class Target:
    """What a figure must reach."""

    limit: float
    """In the unit of the row."""
    bound: Bound = Bound.AT_MOST
    judged: Judged = Judged.VALUE

    def met_by(self, number: float) -> bool:
        """Return whether `number` is on the right side; no number at all never is."""
        if math.isnan(number):
            return False
        return number <= self.limit if self.bound is Bound.AT_MOST else number >= self.limit


@dataclass(frozen=True)
class Row:
    """One figure."""

    section: str
    """The section that measured it, as `--only` names it."""
    what: str
    """What was measured, in a few words."""
    unit: str
    """`ms`, `s`, `/s`, `MiB`, `times`, or empty for a plain count."""
    value: float
    """The median of the samples, or the one number there is."""
    p95: float | None = None
    """The 95th percentile, where there are samples."""
    samples: int = 1
    target: Target | None = None
    """What it must reach; None for a peer, and for what is only told."""
    note: str = ""
    """What a reader must know to understand it."""

    @property
    def met(self) -> bool:
        """Whether the target is met; true for a row that has none."""
        if self.target is None:
            return True
        number = self.value if self.target.judged is Judged.VALUE else self.p95
        return self.target.met_by(math.nan if number is None else number)

    def to_json(self) -> dict[str, Any]:
        """Return the row as plain JSON values."""
        target = self.target and {
            "limit": self.target.limit,
            "bound": self.target.bound.value,
            "judged": self.target.judged.value,
        }
        return {
            "section": self.section,
            "what": self.what,
            "unit": self.unit,
            "value": _rounded(self.value),
            "p95": None if self.p95 is None else _rounded(self.p95),
            "samples": self.samples,
            "target": target,
            "met": self.met,
            "note": self.note,
        }


def row_of(
    section: str,
    what: str,
    unit: str,
    samples: Sequence[float],
    target: Target | None = None,
    note: str = "",
) -> Row:
    """Return the row of several samples: their median and 95th percentile.

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError(f"{section}: {what}: nothing was measured")
    return Row(
        section=section,
        what=what,
        unit=unit,
        value=statistics.median(samples),
        p95=percentile(samples, 0.95),
        samples=len(samples),
        target=target,
        note=note,
    )


def percentile(samples: Iterable[float], share: float) -> float:
    """Return the smallest sample that at least this share of the samples does not exceed.

    Args:
        samples: at least one.
        share: above 0, at most 1.
    """
    ordered = sorted(samples)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def exit_code(rows: Iterable[Row]) -> int:
    """Return 0 when every target is met, else 1."""
    return 0 if all(row.met for row in rows) else 1


def to_table(rows: Iterable[Row]) -> Table:
    """Return the rows as a table for people."""
    table = Table("figure", "median", "p95", "target", "", box=None)
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            table.add_row(f"[bold]{section}[/bold]")
        table.add_row(
            f"  {row.what}",
            _shown(row.value, row.unit),
            "" if row.p95 is None else _shown(row.p95, row.unit),
            _shown_target(row),
            "" if row.target is None else "met" if row.met else "[red]missed[/red]",
        )
        if row.note:
            table.add_row(f"    [dim]{row.note}[/dim]")
    return table


def _shown_target(row: Row) -> str:
    if row.target is None:
        return ""
    which = "p95 " if row.target.judged is Judged.P95 else ""
    return f"{which}{row.target.bound.value} {_shown(row.target.limit, row.unit)}"


def _shown(number: float, unit: str) -> str:
    if not math.isfinite(number):
        return "never" if math.isinf(number) else "-"
    return f"{number:,.{_decimals(number)}f} {unit}".rstrip()


def _decimals(number: float) -> int:
    if float(number).is_integer():
        return 0
    return 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2


def _rounded(number: float) -> float | None:
    """Return a number as JSON has it, where there is nothing that is no number."""
    return round(number, 4) if math.isfinite(number) else None
