"""Report card: what a rehearsal found; instructors see it, and credentials name it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from graders.rehearsal.cards import SCHEMA
from graders.rehearsal.figures import Figures
from graders.rehearsal.mutation.mutant import GeneratedMutant
from graders.rehearsal.plan import AUTHORED, PlannedRun, RunKind
from graders.report import CheckResult, Outcome, Report

if TYPE_CHECKING:
    from graders.forgeries import ForgeryResult, Work  # brings the Kubernetes client


class Recorded(NamedTuple):
    """What was derived from one step."""

    mutants: tuple[GeneratedMutant, ...]
    refused: int
    """Changed fields that the API server refused, or took for the same object."""


@dataclass
class RunResult:
    """What one run found."""

    run: PlannedRun
    tasks: tuple[str, ...]
    """Ids of the lab's tasks."""
    reports: list[Report] = field(default_factory=list)
    """One for each grading of the same state; empty when the run did not come so far."""
    afterwards: Report | None = None
    """Of a late step: the grading after it."""
    recorded: list[Recorded] = field(default_factory=list)
    forged: list[ForgeryResult] = field(default_factory=list)
    work: Work | None = None
    """What is in the cluster at the end, for a forger to copy from."""
    seconds: float = 0.0
    problem: str = ""
    """Why there is no report."""
    void: str = ""
    """Why the mutant was not what it says; then it proves nothing, for or against the lab."""

    @property
    def results(self) -> dict[str, CheckResult]:
        """What was found first, by task."""
        return {found.task: found for report in self.reports[:1] for found in report.results}

    @property
    def flips(self) -> int:
        """How many verdicts differ from the first one about the same state."""
        first = self.results
        again = [found for report in self.reports[1:] for found in report.results]
        return sum(found.outcome is not first[found.task].outcome for found in again)

    @property
    def killed(self) -> bool:
        """Of a mutant: whether its task failed."""
        found = self.results.get(self.run.task)
        return found is not None and found.outcome is Outcome.FAILED

    @property
    def surprises(self) -> list[str]:
        """What is not as it must be, one sentence each."""
        if self.problem:
            return [self.problem]
        if self.void:
            return []
        if self.run.kind is RunKind.FORGERY:
            return [sentence for one in self.forged for sentence in one.surprises]
        must = self.run.expected(self.tasks)
        found = [self._differences(must, report) for report in self.reports]
        if self.afterwards:
            passed = dict.fromkeys(self.tasks, Outcome.PASSED)
            found.append(self._differences(passed, self.afterwards, " after the late step"))
        return list(dict.fromkeys(sentence for sentences in found for sentence in sentences))

    def _differences(self, must: dict[str, Outcome], report: Report, when: str = "") -> list[str]:
        return [
            f"{found.task}: must be {must[found.task]}{when}, is {found.outcome}: {found.message}"
            for found in report.results
            if found.outcome is not must[found.task]
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the run's line of the report card."""
        run = self.run
        found = {
            "seed": run.seed,
            "kind": run.kind.value,
            "name": run.name,
            "kubernetes": self.reports[0].versions["kubernetes"] if self.reports else "",
            "task": run.task,
            "true": not self.surprises,
            "results": {task: found.outcome.value for task, found in self.results.items()},
            "gradings": len(self.reports),
            "flips": self.flips,
            "seconds": round(self.seconds, 2),
            "equivalent": run.equivalent,
            "void": self.void,
            "forgeries": {one.forgery.name: not one.surprises for one in self.forged},
            "surprises": self.surprises,
        }
        optional = ("task", "kubernetes", "equivalent", "void", "forgeries", "flips")
        return {key: value for key, value in found.items() if value or key not in optional}


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
    assay: str
    finished_at: str
    """RFC 3339, UTC."""
    runs: tuple[RunResult, ...]
    problems: tuple[str, ...] = ()
    """What lint says; a lab with problems is not proved."""
    left_out: tuple[PlannedRun, ...] = ()
    """Runs for which there was no time."""
    skipped: tuple[str, ...] = ()
    """What could not be done here, with the reason."""
    seconds: float = 0.0

    @property
    def true(self) -> bool:
        """Whether the lab is proved: no problem, and every run found what it must."""
        return bool(self.runs) and not self.problems and not any(r.surprises for r in self.runs)

    @property
    def is_whole(self) -> bool:
        """Whether everything that the lab's files tell of was done: only then is it kept."""
        return not any(run.kind in AUTHORED for run in self.left_out)

    @property
    def kubernetes(self) -> tuple[str, ...]:
        """Versions of the API servers that it was rehearsed with, the newest first."""
        found = {report.versions["kubernetes"] for run in self.runs for report in run.reports}
        return tuple(sorted(found, key=_version, reverse=True))

    @property
    def figures(self) -> Figures:
        """Kill rate, flake rate and times."""
        return figures_of(self.runs)

    def to_json(self) -> dict[str, Any]:
        """Return the document that is published."""
        return {
            "schema": SCHEMA,
            "lab": self.lab,
            "version": self.version,
            "digest": self.digest,
            "true": self.true,
            **self.figures.to_json(),
            "seeds": list(self.seeds),
            "provider": self.provider,
            "kubernetes": list(self.kubernetes),
            "assay": self.assay,
            "finished_at": self.finished_at,
            "seconds": round(self.seconds, 1),
            "problems": list(self.problems),
            "skipped": list(self.skipped),
            "left_out": _names_by_kind(self.left_out),
            "equivalent": _equivalents(self.runs),
            "runs": [run.to_json() for run in self.runs],
        }


def figures_of(runs: Iterable[RunResult]) -> Figures:
    """Return the figures of a card, see `Figures`."""
    found = list(runs)
    mutants = [r for r in found if r.run.kind in (RunKind.MUTANT, RunKind.GENERATED)]
    counted = [r for r in mutants if not (r.void or r.problem or r.run.equivalent)]
    recorded = [one for run in found for one in run.recorded]
    reports = [report for run in found for report in run.reports]
    return Figures(
        mutants=len(counted),
        killed=sum(run.killed for run in counted),
        refused=sum(one.refused for one in recorded),
        void=sum(bool(run.void) for run in mutants),
        gradings=len(reports),
        verdicts_again=sum(len(r.results) for run in found for r in run.reports[1:]),
        flips=sum(run.flips for run in found),
        forgeries=sum(len(run.forged) for run in found),
        forged=sum(bool(one.surprises) for run in found for one in run.forged),
        check_seconds=tuple(found.seconds for report in reports for found in report.results),
    )


def _equivalents(runs: Iterable[RunResult]) -> dict[str, str]:
    return {run.run.name: run.run.equivalent for run in runs if run.run.equivalent}


def _names_by_kind(runs: Iterable[PlannedRun]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for run in runs:
        names.setdefault(run.kind.value, []).append(run.name)
    return names


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.removeprefix("v").split(".") if part.isdigit())
