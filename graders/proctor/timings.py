"""Timings: how long each phase of a start took lately here, so that people know what to expect."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clusters.phases import Phase

REMEMBERED = 40
"""The newest times of each phase that count."""


@dataclass(frozen=True)
class Expectation:
    """What to expect of one phase."""

    name: str
    message: str
    p50: float
    """Seconds; half of the starts were faster."""
    p95: float
    """Seconds; one start in twenty was slower."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


class Timings:
    """The times of the newest starts, kept in one file. Losing it loses only the estimates."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def expected(self) -> list[Expectation]:
        """Return the phases of the newest start in their order, each with its usual time."""
        return [
            Expectation(
                name=row["name"],
                message=row["message"],
                p50=percentile(row["seconds"], 50),
                p95=percentile(row["seconds"], 95),
            )
            for row in self._read()
        ]

    def record(self, phases: Sequence[Phase]) -> None:
        """Remember the ended phases of a start that succeeded."""
        before = {row["name"]: row["seconds"] for row in self._read()}
        rows = [
            {
                "name": phase.name,
                "message": phase.message,
                "seconds": [*before.get(phase.name, []), round(phase.seconds, 2)][-REMEMBERED:],
            }
            for phase in phases
            if phase.seconds is not None
        ]
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        draft.write_text(json.dumps(rows), encoding="utf-8")
        os.replace(draft, self._path)

    def _read(self) -> list[dict[str, Any]]:
        try:
            rows = json.loads(self._path.read_text(encoding="utf-8"))
            return [row for row in rows if row["seconds"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that at least `percent` of a hundred values do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return float(ordered[max(rank, 1) - 1])
