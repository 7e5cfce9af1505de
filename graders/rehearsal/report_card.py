"""Report card: what a rehearsal found; instructors see it, and credentials name it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusters.home import home
from graders.rehearsal.plan import PlannedRun, RunKind
from graders.report import CheckResult, Report

SCHEMA = "assay.dev/report-card/v1"


@dataclass(frozen=True)
class RunResult:
    """What one run found."""

    run: PlannedRun
    tasks: tuple[str, ...]
    """Ids of the lab's tasks."""
    report: Report | None
    """None when the run did not come so far."""
    seconds: float
    problem: str = ""
    """Why there is no report."""

    @property
    def results(self) -> dict[str, CheckResult]:
        """What was found, by task."""
        return {result.task: result for result in self.report.results} if self.report else {}

    @property
    def surprises(self) -> list[str]:
        """What is not as it must be, one sentence each."""
        if self.problem:
            return [self.problem]
        results = self.results
        return [
            f"{task}: must be {must}, is {results[task].outcome}: {results[task].message}"
            for task, must in self.run.expected(self.tasks).items()
            if results[task].outcome is not must
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the run's line of the report card."""
        return {
            "seed": self.run.seed,
            "kind": self.run.kind.value,
            "name": self.run.name,
            **({"task": self.run.task} if self.run.kind is RunKind.MUTANT else {}),
            "true": not self.surprises,
            "results": {task: result.outcome.value for task, result in self.results.items()},
            "seconds": round(self.seconds, 2),
            "surprises": self.surprises,
        }


@dataclass(frozen=True)
class ReportCard:
    """What the rehearsal of a lab found."""

    lab: str
    """Slug of the lab."""
    version: str
    seeds: tuple[int, ...]
    provider: str
    kubernetes: str
    """Version of the API server that it was rehearsed with."""
    assay: str
    finished_at: str
    """RFC 3339, UTC."""
    problems: tuple[str, ...]
    """What lint says; a lab with problems is not proved."""
    runs: tuple[RunResult, ...]

    @property
    def true(self) -> bool:
        """Whether the lab is proved: no problem, and every run found what it must."""
        return bool(self.runs) and not self.problems and not any(r.surprises for r in self.runs)

    def to_json(self) -> dict[str, Any]:
        """Return the document that is published."""
        return {
            "schema": SCHEMA,
            "lab": self.lab,
            "version": self.version,
            "true": self.true,
            "seeds": list(self.seeds),
            "provider": self.provider,
            "kubernetes": self.kubernetes,
            "assay": self.assay,
            "finished_at": self.finished_at,
            "problems": list(self.problems),
            "runs": [run.to_json() for run in self.runs],
        }

    def store(self) -> Path:
        """Write the card to its place in the home folder and return the file."""
        path = _place(self.lab)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(json.dumps(self.to_json(), indent=2), encoding="utf-8")
        return beside.rename(path)


def read_report_card(slug: str) -> dict[str, Any] | None:
    """Return the newest report card of a lab on this installation; None before the first."""
    try:
        document: dict[str, Any] = json.loads(_place(slug).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return document


def _place(slug: str) -> Path:
    return home() / "report-cards" / f"{slug}.json"
