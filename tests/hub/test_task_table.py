"""The table that %check and %tasks show."""

from __future__ import annotations

from typing import Any

from hub.task_table import Notice, TaskTable, rows_of_attempt, rows_of_check, summary


def task(id: str, **found: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("outcome", "message", "expected", "found", "hint", "done_at"), "")
    return {"id": id, "title": f"Task {id}", "points": 10, "done": False, **empty, **found}


DONE = task("a", done=True, outcome="passed", message="It runs")
NOT_YET = task(
    "b", outcome="failed", message="No Pod", expected="Running", found="Pending", hint="kubectl"
)
NO_ANSWER = task("c", outcome="error", message="etcd does not run")
OPEN = task("d")


def test_the_three_outcomes_differ_in_sign_and_word() -> None:
    text = TaskTable(rows_of_attempt([DONE, NOT_YET, NO_ANSWER, OPEN])).text()

    assert "✓ a: Task a" in text
    assert "✗ b: Task b (not yet)" in text
    assert "! c: Task c (could not check)" in text
    assert "· d: Task d" in text


def test_a_task_that_is_not_done_says_what_to_look_at() -> None:
    table = TaskTable(rows_of_attempt([NOT_YET]))

    for shown in (table.text(), table.html()):
        for word in ("No Pod", "expected", "Running", "found", "Pending", "hint", "kubectl"):
            assert word in shown


def test_what_a_learner_wrote_into_the_cluster_is_only_text() -> None:
    evil = task("a", outcome="failed", message="<img src=x onerror=alert(1)>", found="\x1b[2J&")
    table = TaskTable(rows_of_attempt([evil]), "<b>", 'https://x/"onclick="')

    assert "<img" not in table.html()
    assert "<b>" not in table.html()
    assert '"onclick="' not in table.html()
    assert "\x1b" not in table.text()
    assert "\x1b" not in table.html()
    assert "<script" not in Notice("<script>")._repr_mimebundle_()["text/html"]


def test_what_was_done_and_is_undone_shows_both() -> None:
    undone = task("a", done=True, done_at="2030", outcome="failed", message="Gone", hint="look")
    unseen = task("a", done=True, done_at="2030", outcome="error", message="etcd is down")

    text = TaskTable(rows_of_attempt([undone])).text()
    other = TaskTable(rows_of_attempt([unseen])).text()

    assert text.startswith("✗ a: Task a (done before, not now)")
    assert "Done at 2030, and counts. Just now: Gone" in text
    assert "hint: look" in text
    assert other.startswith("✓ a"), "that we cannot look takes nothing away"


def test_only_what_was_asked_for_is_shown_while_it_is_checked() -> None:
    rows = rows_of_check([DONE, NOT_YET, OPEN], ["a", "b"], {"a": {**DONE, "outcome": "passed"}})

    assert [(row.id, row.mark.sign) for row in rows] == [("a", "✓"), ("b", "…")]


def test_the_summary_counts_tasks_and_points() -> None:
    assert summary([DONE, NOT_YET]) == "1 of 2 tasks are done, 10 of 20 points."
    assert summary([DONE]) == "Every task is done."
