"""Attempts for staff: everything that was found and said about one, with its evidence.

Instructors settle a task by hand here. Certifiers read, and take with them what was signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response

from clusters.errors import AssayError, NotFound
from graders.bundles.bundle import BundleDamaged, read_bundle
from graders.bundles.store import EvidenceStore
from graders.lab import Lab, Task
from graders.ledger import AppealCase, Attempt, Effect, Override, TaskProgress, export_attempt
from graders.ledger.statements import TEXT_LIMIT
from graders.report import Report, Trigger
from web.access import instructors_only, staff_only, this_token
from web.evidence import about, tasks_of
from web.phrases import EFFECTS
from web.proctor import ProctorRefused
from web.representation import page
from web.site import site
from web.standing import MARKS, AttemptSummary, Mark

blueprint = Blueprint("attempts", __name__)

TRIGGERS = {
    Trigger.ASKED: "asked for",
    Trigger.LIVE: "the cluster changed",
    Trigger.REGRADE: "judged again",
}
"""Why there is a report."""


@dataclass(frozen=True)
class TaskDossier:
    """Everything about one task of an attempt."""

    task: Task
    mark: Mark
    progress: TaskProgress | None
    overrides: tuple[Override, ...]
    """Newest first."""
    appeals: tuple[AppealCase, ...]
    """Newest first."""


@dataclass(frozen=True)
class Dossier:
    """Everything about one attempt."""

    attempt: Attempt
    summary: AttemptSummary
    lab: Lab | None
    """None when it was taken away."""
    reports: tuple[Report, ...]
    """Newest first."""
    tasks: tuple[TaskDossier, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "attempt": self.attempt.to_json(),
            "tasks": [
                {
                    "id": entry.task.id,
                    "mark": entry.mark.value,
                    "progress": entry.progress and entry.progress.to_json(),
                    "overrides": [override.to_json() for override in entry.overrides],
                    "appeals": [case.to_json() for case in entry.appeals],
                }
                for entry in self.tasks
            ],
            "reports": [report.to_json() for report in self.reports],
        }


@blueprint.get("/instructor/attempts/<id>")
@staff_only
def show(id: str) -> Response:
    """Show an attempt."""
    return _show(dossier_of(id))


@blueprint.post("/instructor/attempts/<id>/overrides")
@instructors_only
def override(id: str) -> Response:
    """Settle a task by hand."""
    form = request.form
    task, reason = form.get("task", ""), form.get("reason", "").replace("\r\n", "\n").strip()
    effect = form.get("effect", "")
    if effect not in set(Effect):
        abort(400, "Say what is to hold: done, not done, or what the checks found.")
    try:
        site().proctor.override(id, task, effect, reason, this_token() or "")
    except ProctorRefused as error:
        return _show(dossier_of(id), problem=f"{error}.", task=task, reason=reason)
    return redirect(url_for(".show", id=id, _anchor=f"task-{task}"), code=303)


@blueprint.get("/instructor/attempts/<id>/reports/<report>")
@staff_only
def show_report(id: str, report: str) -> Response:
    """Show one report with its evidence."""
    dossier = dossier_of(id)
    found = next((r for r in dossier.reports if r.id == report), None)
    if found is None:
        abort(404, "This attempt has no such report.")
    bundle, problem = _bundle_of(found)
    return page(
        "report.html",
        {"report": found.to_json(), "evidence": bundle, "problem": problem},
        dossier=dossier,
        report=found,
        titles={entry.task.id: entry.task.title for entry in dossier.tasks},
        evidence={entry.task: entry for entry in tasks_of(bundle)},
        about=about(bundle),
        problem=problem,
        regrades=[r for r in dossier.reports if r.regrade_of == found.id],
        marks=MARKS,
        triggers=TRIGGERS,
    )


@blueprint.get("/instructor/attempts/<id>/export")
@staff_only
def export(id: str) -> Response:
    """Give everything that was signed about an attempt as a file, to be verified anywhere."""
    reply = jsonify(export_attempt(site().ledger, _attempt(id).id))
    reply.headers["Content-Disposition"] = f"attachment; filename=attempt-{id}.json"
    return reply


def dossier_of(id: str) -> Dossier:
    """Return everything about an attempt; 404 when there is none."""
    attempt = _attempt(id)
    ledger = site().ledger
    lab = site().shelf.find(attempt.lab)
    summary = site().record.attempt(id)
    progress = ledger.progress(id)
    overrides, appeals = ledger.overrides(id), ledger.appeals(id)
    tasks = lab.tasks if lab else ()
    return Dossier(
        attempt,
        summary,
        lab,
        tuple(reversed(ledger.reports(id))),
        tuple(
            TaskDossier(
                task,
                summary.mark(task.id),
                progress.get(task.id),
                tuple(o for o in reversed(overrides) if o.task == task.id),
                tuple(case for case in reversed(appeals) if case.appeal.task == task.id),
            )
            for task in tasks
        ),
    )


def _show(dossier: Dossier, problem: str = "", task: str = "", reason: str = "") -> Response:
    reply = page(
        "attempt.html",
        {**dossier.to_json(), "problem": problem},
        dossier=dossier,
        reports=[(report, _marks(dossier.tasks, report)) for report in dossier.reports],
        effects=EFFECTS,
        triggers=TRIGGERS,
        problem=problem,
        asked=task,
        reason=reason,
        limit=TEXT_LIMIT,
    )
    reply.status_code = 400 if problem else 200
    return reply


def _marks(tasks: Sequence[TaskDossier], report: Report) -> list[Mark | None]:
    """Return what a report found about each task, None where it did not look."""
    found = {result.task: MARKS[result.outcome] for result in report.results}
    return [found.get(entry.task.id) for entry in tasks]


def _attempt(id: str) -> Attempt:
    try:
        return site().ledger.attempt(id)
    except NotFound:
        abort(404, "There is no such attempt.")


def _bundle_of(report: Report) -> tuple[dict[str, Any], str]:
    """Return the evidence of a report, or why there is none to show."""
    if not report.evidence:
        return {}, "No evidence was kept of this report; only what it says above."
    try:
        return read_bundle(EvidenceStore().get(report.evidence)), ""
    except NotFound:
        return {}, "The evidence of this report is not on this installation any more."
    except BundleDamaged:
        return {}, "The evidence of this report was changed or damaged; do not rely on it."
    except AssayError as error:
        return {}, f"The evidence of this report cannot be read: {error}."
