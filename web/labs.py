"""The page of one lab: what to do, how far one is; starting, more time, finishing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from graders.lab import Lab, Task
from graders.ledger import AppealCase, AttemptState, TaskProgress
from graders.report import Outcome
from web.access import this_person, this_token
from web.error_pages import error_page
from web.phrases import minutes_left, spawn_path
from web.proctor import ProctorRefused
from web.record import Pulse
from web.representation import page
from web.site import site
from web.standing import AttemptSummary, Mark, Standing, standings

blueprint = Blueprint("labs", __name__)


_NOT_CHECKED: dict[str, Any] = {
    **dict.fromkeys(
        ("outcome", "message", "expected", "found", "hint", "done_at", "checked_at", "regraded"),
        "",
    ),
    "override": None,
}


@dataclass(frozen=True)
class TaskLine:
    """One task in the list, with what its newest check found."""

    task: Task
    mark: Mark
    progress: TaskProgress | None
    appeal: AppealCase | None = None
    """The newest one of this attempt."""

    @property
    def slipped(self) -> bool:
        """Whether it was done, which counts, and is not just now."""
        found = self.progress
        return bool(
            self.mark is Mark.DONE
            and found
            and found.outcome is Outcome.FAILED
            and found.override is None
        )

    @property
    def may_appeal(self) -> bool:
        """Whether there is something to object to, and no objection waits for an answer."""
        return self.progress is not None and not (self.appeal and self.appeal.open)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        found = self.progress.to_json() if self.progress else _NOT_CHECKED
        return {
            **self.task.model_dump(mode="json"),
            **found,
            "done": self.mark is Mark.DONE,
            "appeal": self.appeal and self.appeal.to_json(),
        }


@dataclass(frozen=True)
class Work:
    """What a learner does with one lab just now: the part of the page that is polled."""

    standing: Standing
    lines: tuple[TaskLine, ...]
    pulse: Pulse
    reason: str
    """Why it cannot be started here; empty when it can."""

    @property
    def seen(self) -> str:
        """What the browser tells the next poll it has already drawn."""
        return seen_at(self.pulse)


def seen_at(pulse: Pulse) -> str:
    """Return a value that changes when something happens, and with each minute that is left."""
    return f"{pulse}-{minutes_left(pulse.deadline) if pulse.deadline else 0}"


@blueprint.get("/labs/<slug>")
def show(slug: str) -> Response:
    """Show a lab."""
    work = work_of(lab_called(slug))
    return page("lab.html", _lab_json(work), **_context(work))


@blueprint.get("/labs/<slug>/work")
def work_part(slug: str) -> Response:
    """Answer the polling: the part of the page that changes, or 204 when nothing did."""
    lab = lab_called(slug)
    seen = request.args.get("seen", "")
    pulse = site().record.pulse(this_person().name, slug)
    if seen == seen_at(pulse):
        return Response(status=204)
    news = not seen.startswith(f"{pulse}-")
    html = render_template("lab_work.html", polled=True, news=news, **_context(work_of(lab)))
    return make_response(html)


@blueprint.get("/labs/<slug>/finish")
def ask_to_finish(slug: str) -> Response:
    """Ask whether the attempt is to be finished."""
    work = work_of(lab_called(slug))
    if work.standing.live is None:
        return redirect(url_for(".show", slug=slug))
    return make_response(render_template("lab_finish.html", **_context(work)))


@blueprint.post("/labs/<slug>/finish")
def finish(slug: str) -> Response:
    """Finish the live attempt: the proctor deletes its cluster; the verdicts stay."""
    live = _standing(lab_called(slug)).live
    if live is not None:
        try:
            site().proctor.finish(live.id, this_token() or "")
        except ProctorRefused as error:
            return error_page(502, f"Your attempt is still open: {error}.")
    return redirect(url_for(".show", slug=slug), code=303)


@blueprint.post("/labs/<slug>/extend")
def extend(slug: str) -> Response:
    """Give the live attempt more time; the proctor says how often."""
    live = _standing(lab_called(slug)).live
    if live is not None:
        try:
            site().proctor.extend(live.id, this_token() or "")
        except ProctorRefused as error:
            return error_page(409, f"Your time stays as it is: {error}.")
    return redirect(url_for(".show", slug=slug), code=303)


@blueprint.get("/labs/<slug>/reset")
def ask_to_reset(slug: str) -> Response:
    """Ask to where the cluster of the live attempt is to be taken back."""
    work = work_of(lab_called(slug))
    live = work.standing.live
    if live is None:
        return redirect(url_for(".show", slug=slug))
    try:
        checkpoints = site().proctor.checkpoints(live.id, this_token() or "")
    except ProctorRefused as error:
        return error_page(409, f"Your cluster stays as it is: {error}.")
    titles = {task.id: task.title for task in work.standing.lab.tasks}
    about = {"checkpoints": checkpoints, "titles": titles, **_context(work)}
    html = render_template("lab_reset.html", **about)
    return make_response(html)


@blueprint.post("/labs/<slug>/reset")
def reset(slug: str) -> Response:
    """Take the cluster of the live attempt back; verdicts stay."""
    live = _standing(lab_called(slug)).live
    if live is not None:
        try:
            site().proctor.reset(live.id, request.form.get("to", ""), this_token() or "")
        except ProctorRefused as error:
            return error_page(409, f"Your cluster was not taken back: {error}.")
    return redirect(url_for(".show", slug=slug), code=303)


def lab_called(slug: str) -> Lab:
    """Return the lab of an address; 404 when there is none."""
    lab = site().shelf.find(slug)
    if lab is None:
        abort(404, "There is no such lab here. The list of labs shows all that are.")
    return lab


def live_attempt(lab: Lab) -> AttemptSummary | None:
    """Return the attempt at a lab that the person who asks works on."""
    return _standing(lab).live


def _standing(lab: Lab) -> Standing:
    attempts = site().record.attempts(this_person().name, lab.slug)
    return standings([lab], attempts)[lab.slug]


def work_of(lab: Lab) -> Work:
    """Return what the person who asks does with a lab just now."""
    # The pulse is read first: what happens in between is drawn by the next poll.
    pulse = site().record.pulse(this_person().name, lab.slug)
    standing = _standing(lab)
    shown = standing.shown
    progress = site().ledger.progress(shown.id) if shown else {}
    cases = site().ledger.appeals(attempt=shown.id) if shown else []
    appeals = {case.appeal.task: case for case in cases}
    lines = (
        TaskLine(t, standing.mark(t.id), progress.get(t.id), appeals.get(t.id)) for t in lab.tasks
    )
    return Work(standing, tuple(lines), pulse, site().shelf.why_not(lab))


def _context(work: Work) -> dict[str, Any]:
    lab = work.standing.lab
    return {
        "work": work,
        "lab": lab,
        "standing": work.standing,
        "spawn": spawn_path(site().settings.hub_url, this_person().name, lab.slug),
        "State": AttemptState,
        "Mark": Mark,
    }


def _lab_json(work: Work) -> dict[str, Any]:
    standing = work.standing
    lab = standing.lab
    return {
        **lab.to_json(),
        "runnable": not work.reason,
        "reason": work.reason,
        "progress": standing.to_json(),
        "attempt": standing.shown.to_json(lab) if standing.shown else None,
        "tasks": [line.to_json() for line in work.lines],
        "attempts": [attempt.to_json(lab) for attempt in standing.attempts],
    }
