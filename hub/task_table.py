"""The table of tasks that %check and %tasks show, as HTML and as text. Everything is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from html import escape
from typing import Any


class Mark(Enum):
    """What stands before a task: its sign, its colour, and the word for it."""

    DONE = ("✓", "#0b7d5b", "done")
    UNDONE = ("✗", "#b26a00", "done before, not now")
    NOT_YET = ("✗", "#c0392b", "not yet")
    NO_ANSWER = ("!", "#b26a00", "could not check")
    CHECKING = ("…", "#4a6fa5", "checking")
    OPEN = ("·", "#8a8f98", "not checked")

    @property
    def sign(self) -> str:
        """The sign."""
        return self.value[0]

    @property
    def colour(self) -> str:
        """A colour that is readable on white and on dark grey."""
        return self.value[1]

    @property
    def word(self) -> str:
        """The word, for those who cannot see the sign."""
        return self.value[2]


_MARKS = {"passed": Mark.DONE, "failed": Mark.NOT_YET, "error": Mark.NO_ANSWER}


@dataclass(frozen=True)
class Row:
    """One task."""

    id: str
    title: str
    points: float
    mark: Mark
    message: str = ""
    details: tuple[tuple[str, str], ...] = ()
    """`expected`, `found` and `hint`, where they are known."""


@dataclass(frozen=True)
class TaskTable:
    """Rows and the sentence below them; IPython shows it by its MIME bundle."""

    rows: tuple[Row, ...]
    footer: str = ""
    link: str = ""
    """Address that the footer leads to."""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.text()}

    def text(self) -> str:
        """Return the table for terminals and screen readers."""
        lines = []
        for row in self.rows:
            note = "" if row.mark in (Mark.DONE, Mark.OPEN) else f" ({row.mark.word})"
            lines.append(f"{row.mark.sign} {row.id}: {row.title}{note}")
            lines += [f"    {row.message}"] if row.message else []
            lines += [f"    {name}: {value}" for name, value in row.details]
        below = " ".join(part for part in (self.footer, self.link) if part)
        return "\n".join([*lines, below]).strip()

    def html(self) -> str:
        """Return the table for notebooks."""
        rows = "".join(_html_row(row) for row in self.rows)
        return (
            f'<div style="max-width:64rem"><table style="{_TABLE}"><thead><tr>'
            f'<th scope="col" style="width:2em"></th>'
            f'<th scope="col" style="{_LEFT};width:30%">Task</th>'
            f'<th scope="col" style="{_LEFT}">What was found</th>'
            '<th scope="col" style="width:4em;text-align:right">Points</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>{self._html_footer()}</div>"
        )

    def _html_footer(self) -> str:
        if not self.footer:
            return ""
        link = ""
        if self.link:
            link = f' <a href="{escape(self.link)}" target="_blank">Open the lab\'s page</a>'
        return f'<p style="margin:.6em 0"><strong>{escape(self.footer)}</strong>{link}</p>'


@dataclass(frozen=True)
class Notice:
    """One sentence instead of a table."""

    sentence: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        style = f"border-left:4px solid {Mark.NO_ANSWER.colour};padding:.4em .8em;margin:.4em 0"
        html = f'<div role="alert" style="{style}">{escape(self.sentence)}</div>'
        return {"text/html": html, "text/plain": f"! {self.sentence}"}


_TABLE = (
    "border-collapse:collapse;table-layout:fixed;width:100%;margin:.4em 0;"
    "font-size:var(--jp-content-font-size1)"
)
_LEFT = "text-align:left"
_DETAILS = "display:grid;grid-template-columns:5.5em 1fr;gap:.1em .6em;margin:.3em 0 0"
_TERM = "font-weight:400;opacity:.65;margin:0"
_CELL = "text-align:left;vertical-align:top;white-space:normal;padding:.45em .6em"


def rows_of_attempt(tasks: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    """Return the rows of an attempt as the ledger knows it."""
    return tuple(_row_of_task(task) for task in tasks)


def rows_of_check(
    tasks: Sequence[Mapping[str, Any]],
    asked: Sequence[str],
    results: Mapping[str, Mapping[str, Any]],
) -> tuple[Row, ...]:
    """Return the rows of the tasks that are being checked.

    Args:
        tasks: the tasks of the attempt.
        asked: ids of those to check; all of them when empty.
        results: what was found so far, by task id.
    """
    return tuple(
        _row_of_result(task, results.get(task["id"]))
        for task in tasks
        if not asked or task["id"] in asked
    )


def summary(tasks: Sequence[Mapping[str, Any]]) -> str:
    """Return how much of an attempt is done."""
    done = [task for task in tasks if task["done"]]
    if len(done) == len(tasks):
        return "Every task is done."
    points, whole = (sum(task["points"] for task in some) for some in (done, tasks))
    return f"{len(done)} of {len(tasks)} tasks are done, {points} of {whole} points."


def _row_of_task(task: Mapping[str, Any]) -> Row:
    if override := task.get("override"):
        mark = Mark.DONE if task["done"] else Mark.NOT_YET
        decided = f"Decided by {override['instructor']}: {override['reason']}"
        return _row(task, mark, {"message": decided})
    if not task["outcome"]:
        return _row(task, Mark.OPEN, {})
    if task["done"] and task["outcome"] != "passed":
        return _row_of_undone_task(task)
    return _row(task, _MARKS[task["outcome"]], task)


def _row_of_undone_task(task: Mapping[str, Any]) -> Row:
    """Return the row of what was done, which counts, and has another outcome now."""
    if task["outcome"] == "failed":
        said = f"Done at {task['done_at']}, and counts. Just now: {task['message']}"
        return _row(task, Mark.UNDONE, {**task, "message": said})
    said = f"Done at {task['done_at']}. The latest check said: {task['message']}"
    return _row(task, Mark.DONE, {"message": said})


def _row_of_result(task: Mapping[str, Any], result: Mapping[str, Any] | None) -> Row:
    if result is None:
        return _row(task, Mark.CHECKING, {})
    return _row(task, _MARKS[result["outcome"]], result)


def _row(task: Mapping[str, Any], mark: Mark, found: Mapping[str, Any]) -> Row:
    details = tuple(
        (name, _plain(found[name])) for name in ("expected", "found", "hint") if found.get(name)
    )
    message = _plain(found.get("message", ""))
    return Row(task["id"], task["title"], task["points"], mark, message, details)


def _plain(value: object) -> str:
    """Show control characters instead of obeying them: the learner's cluster may say anything."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}"
        for letter in str(value)
    )


def _html_row(row: Row) -> str:
    details = "".join(
        f'<dt style="{_TERM}">{escape(name)}</dt><dd style="margin:0">{escape(value)}</dd>'
        for name, value in row.details
    )
    if details:
        details = f'<dl style="{_DETAILS}">{details}</dl>'
    return (
        f'<tr><td style="{_CELL};color:{row.mark.colour};font-weight:700;font-size:1.2em" '
        f'title="{row.mark.word}" aria-label="{row.mark.word}">{row.mark.sign}</td>'
        f'<td style="{_CELL}">{escape(row.title)}<br><code>{escape(row.id)}</code></td>'
        f'<td style="{_CELL}">{escape(row.message or row.mark.word)}{details}</td>'
        f'<td style="{_CELL};text-align:right">{row.points}</td></tr>'
    )
