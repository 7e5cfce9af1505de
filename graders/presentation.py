"""Presentation: tasks and results as tables, the same at a terminal and in a notebook.

Pure functions from documents to something that `rich` prints. What a check says may repeat what a
learner wrote into the cluster, so it is never read as markup, and control characters are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from graders.report import CheckResult, Outcome, Report

_MARKS = {
    "passed": ("✓ done", "green"),
    "failed": ("✗ not yet", "yellow"),
    "error": ("! could not check", "magenta"),
    "": ("· not checked", "dim"),
}


def present_report(report: Report, titles: Mapping[str, str] | None = None) -> RenderableType:
    """Return what a check found, a row for each task.

    Args:
        report: what was found.
        titles: title of each task by id; the ids are shown where it says nothing.
    """
    titles = titles or {}
    table = _table()
    for result in report.results:
        table.add_row(
            mark(result.outcome),
            plain(titles.get(result.task, result.task), "bold"),
            present_details(result.model_dump()),
        )
    return Group(table, Text(_summary(report.results), style="dim"))


def present_tasks(tasks: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return how far each task of an attempt is.

    Args:
        tasks: with id, title, points, done, outcome, message, expected, found and hint, as the
            proctor gives them.
    """
    table = _table("points")
    for task in tasks:
        outcome = "passed" if task["done"] else task.get("outcome") or ""
        shown = {} if task["done"] else task
        if override := task.get("override"):
            outcome = "passed" if task["done"] else "failed"
            shown = {"message": f"decided by {override['instructor']}: {override['reason']}"}
        title = Group(plain(task["title"], "bold"), plain(task["id"], "dim"))
        table.add_row(mark(outcome), title, present_details(shown), str(task["points"]))
    done = [task for task in tasks if task["done"]]
    reached, points = sum(t["points"] for t in done), sum(t["points"] for t in tasks)
    footer = f"{len(done)} of {len(tasks)} tasks done, {reached} of {points} points"
    return Group(table, Text(footer, style="dim"))


def present_details(result: Mapping[str, Any]) -> Text:
    """Return message, expected, found and hint, without those that are empty.

    What has several lines, as a difference of paths has, stands in a column of its own.
    """
    text = plain(str(result.get("message") or ""))
    for key in ("expected", "found", "hint"):
        if value := str(result.get(key) or ""):
            text.append("\n" if text else "")
            lines = value.replace("\n", "\n" + " " * len(f"{key} "))
            text.append_text(plain(f"{key} ", "dim")).append_text(plain(lines))
    return text


def _table(*more: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("task")
    table.add_column("what was found", overflow="fold")
    for name in more:
        table.add_column(name, justify="right")
    return table


def mark(outcome: str) -> Text:
    """Return what an outcome shows; the empty one is that of a task nobody has checked."""
    words, style = _MARKS[outcome]
    return Text(words, style=style)


def plain(text: str, style: str = "") -> Text:
    """Return a text as it is, never read as markup, its control characters shown."""
    shown = "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return Text(shown, style=style)


def _summary(results: Iterable[CheckResult]) -> str:
    outcomes = [result.outcome for result in results]
    done, errors = outcomes.count(Outcome.PASSED), outcomes.count(Outcome.ERROR)
    sentence = f"{done} of {len(outcomes)} checked tasks done"
    return (
        f"{sentence}; {errors} could not be checked, which counts for nothing"
        if errors
        else sentence
    )
