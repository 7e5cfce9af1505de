"""Report card: what a rehearsal found; instructors see it, and credentials name it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graders.rehearsal.cards import SCHEMA
from graders.rehearsal.plan import PlannedRun, RunKind
from graders.report import CheckResult, Report


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
    digest: str
    """Of what was proved, see `lab_digest`."""
    seeds: tuple[int, ...]
    provider: str
    kubernetes: tuple[str, ...]
    """Versions of the API servers that it was rehearsed with."""
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
            "digest": self.digest,
            "true": self.true,
            "seeds": list(self.seeds),
            "provider": self.provider,
            "kubernetes": list(self.kubernetes),
            "assay": self.assay,
            "finished_at": self.finished_at,
            "problems": list(self.problems),
            "runs": [run.to_json() for run in self.runs],
        }
