"""What a learner sees of an attempt: the attempt and each of its lab's tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clusters.errors import AssayError
from graders.attempts.extending import extensions_left, warning
from graders.catalogue import find_lab
from graders.lab import Task
from graders.ledger import Attempt, Ledger, TaskProgress
from graders.ledger.progress import progress_of


def attempt_document(ledger: Ledger, attempt: Attempt) -> dict[str, Any]:
    """Return an attempt with `tasks`, and with `reports`: how many the ledger has of it."""
    reports = ledger.reports(attempt.id)
    left = _extensions_left(attempt)
    return {
        **attempt.to_json(),
        "reports": len(reports),
        "extensions_left": left,
        "warning": warning(attempt, left),
        "tasks": task_documents(
            _tasks(attempt.lab), progress_of(reports, ledger.overrides(attempt.id))
        ),
    }


def task_ids(ledger: Ledger, attempt: Attempt) -> tuple[str, ...]:
    """Return the tasks of an attempt: those of its lab, else those that were ever checked."""
    tasks = _tasks(attempt.lab)
    return tuple(task.id for task in tasks) if tasks else tuple(ledger.progress(attempt.id))


def task_documents(
    tasks: Sequence[Task], progress: dict[str, TaskProgress]
) -> list[dict[str, Any]]:
    """Return the state of each task in the lab's order."""
    return [_task_document(task, progress.get(task.id)) for task in tasks]


def _task_document(task: Task, progress: TaskProgress | None) -> dict[str, Any]:
    about = {"id": task.id, "title": task.title, "points": task.points}
    if progress is None:
        empty = dict.fromkeys(
            ("outcome", "message", "expected", "found", "hint", "done_at", "checked_at"), ""
        )
        return {**about, "done": False, **empty, "regraded": "", "override": None}
    known = progress.to_json()
    del known["task"]
    return {**about, **known}


def _extensions_left(attempt: Attempt) -> int:
    try:
        return extensions_left(attempt, find_lab(attempt.lab))
    except AssayError:
        return 0  # the lab was taken away


def _tasks(lab: str) -> Sequence[Task]:
    try:
        return find_lab(lab).tasks
    except AssayError:
        return ()  # the lab was taken away; its attempts stay
