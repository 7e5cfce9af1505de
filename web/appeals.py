"""Appeals: a learner objects to the verdict on a task; instructors answer, with its evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from graders.lab import Task
from graders.ledger import AppealCase, Effect
from graders.ledger.statements import TEXT_LIMIT
from graders.report import CheckResult, Report
from web.access import instructors_only, this_person, this_token
from web.labs import TaskLine, lab_called, work_of
from web.proctor import ProctorRefused
from web.representation import page
from web.site import site

blueprint = Blueprint("appeals", __name__)


@blueprint.route("/labs/<slug>/tasks/<task>/appeal", methods=["GET", "POST"])
def write(slug: str, task: str) -> Response:
    """Let a learner object to what was found about a task of the attempt that is shown to them."""
    work = work_of(lab_called(slug))
    line = next((line for line in work.lines if line.task.id == task), None)
    shown = work.standing.shown
    if line is None or shown is None or line.progress is None:
        abort(404, "There is no verdict on this task that you could object to.")
    text, problem = request.form.get("text", ""), ""
    if request.method == "POST":
        try:
            site().proctor.appeal(shown.id, task, _plain_lines(text), this_token() or "")
            return redirect(url_for("labs.show", slug=slug, _anchor=f"task-{task}"), code=303)
        except ProctorRefused as error:
            problem = f"Your appeal is not sent: {error}."
    return _form(work.standing.lab.slug, line, text, problem)


@dataclass(frozen=True)
class Objection:
    """An appeal with what it objects to, as an instructor sees it."""

    case: AppealCase
    lab: str
    """Title of the lab."""
    task: Task | None
    """None when the lab has it no more."""
    report: Report | None
    """The newest one on the task when they objected."""

    @property
    def result(self) -> CheckResult | None:
        """What that report found."""
        results = self.report.results if self.report else ()
        return next((r for r in results if r.task == self.case.appeal.task), None)


@blueprint.get("/instructor/appeals")
@instructors_only
def inbox() -> Response:
    """Show the appeals that wait for an answer, the oldest first; `?all=1` shows every one."""
    return _inbox()


@blueprint.post("/instructor/appeals/<id>")
@instructors_only
def answer(id: str) -> Response:
    """Answer an appeal, and where it says so, let the task count."""
    case = site().ledger.appeal(id)
    text = _plain_lines(request.form.get("text", ""))
    accepted = request.form.get("accepted") == "yes"
    token = this_token() or ""
    try:
        site().proctor.answer(id, accepted=accepted, text=text, token=token)
        if accepted and request.form.get("count") == "yes":
            said = case.appeal
            site().proctor.override(said.attempt, said.task, Effect.PASSED.value, text, token)
    except ProctorRefused as error:
        return _inbox(problem=f"{error}.", answered=id, text=text)
    return redirect(url_for(".inbox"), code=303)


def _inbox(problem: str = "", answered: str = "", text: str = "") -> Response:
    everything = "all" in request.args
    cases = site().ledger.appeals(open_only=not everything)
    found = objections(reversed(cases) if everything else cases)
    return page(
        "appeals_inbox.html",
        {"appeals": [objection.case.to_json() for objection in found], "problem": problem},
        objections=found,
        everything=everything,
        problem=problem,
        answered=answered,
        text=text,
        limit=TEXT_LIMIT,
    )


def objections(cases: Iterable[AppealCase]) -> list[Objection]:
    """Return appeals with what they object to."""
    labs = {lab.slug: lab for lab in site().shelf.read().labs}
    reports: dict[str, dict[str, Report]] = {}
    found = []
    for case in cases:
        said = case.appeal
        if said.attempt not in reports:
            reports[said.attempt] = {r.id: r for r in site().ledger.reports(said.attempt)}
        lab = labs.get(said.lab)
        task = next((t for t in lab.tasks if t.id == said.task), None) if lab else None
        title = lab.title if lab else said.lab
        found.append(Objection(case, title, task, reports[said.attempt].get(said.report)))
    return found


def _form(slug: str, line: TaskLine, text: str, problem: str) -> Response:
    lab = lab_called(slug)
    document: dict[str, Any] = {"task": line.to_json(), "problem": problem}
    reply = page(
        "appeal.html",
        document,
        lab=lab,
        line=line,
        text=text,
        problem=problem,
        limit=TEXT_LIMIT,
        person=this_person(),
    )
    reply.status_code = 400 if problem else 200
    return reply


def _plain_lines(text: str) -> str:
    """Return what a form sent with the line ends that programs use."""
    return text.replace("\r\n", "\n").strip()
