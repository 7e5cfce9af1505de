from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from clusters.errors import NotFound
from graders.ledger import Attempt, AttemptState, Ledger, LedgerError, open_ledger
from graders.ledger.tables import Base
from graders.report import Outcome, Report

AnAttempt = Callable[..., Attempt]
AReport = Callable[..., Report]


def test_an_attempt_comes_back_as_it_was_stored(ledger: Ledger, an_attempt: AnAttempt) -> None:
    attempt = an_attempt(baseline={"uid": "x"}, seed=2**62)

    ledger.add_attempt(attempt)

    assert ledger.attempt(attempt.id) == attempt


def test_a_missing_attempt_is_named(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="no attempt 'nix'"):
        ledger.attempt("nix")
    with pytest.raises(NotFound, match="no attempt 'nix'"):
        ledger.set_state("nix", AttemptState.FINISHED)


def test_seed_and_baseline_are_not_in_the_json(an_attempt: AnAttempt) -> None:
    document = an_attempt(baseline={"answer": 42}).to_json()

    assert not {"seed", "baseline"} & set(document)
    assert document["state"] == "open"


def test_a_second_live_attempt_at_a_lab_is_the_first(ledger: Ledger, an_attempt: AnAttempt) -> None:
    first = ledger.add_attempt(an_attempt())

    assert ledger.add_attempt(an_attempt()) == first
    assert ledger.add_attempt(an_attempt(lab="other")) != first
    assert len(ledger.attempts()) == 2


def test_of_two_simultaneous_starts_one_attempt_remains(
    ledger: Ledger, an_attempt: AnAttempt
) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = {a.id for a in pool.map(ledger.add_attempt, [an_attempt() for _ in range(16)])}

    assert len(ids) == 1
    assert [a.id for a in ledger.attempts()] == list(ids)


def test_a_finished_attempt_makes_room_for_the_next(ledger: Ledger, an_attempt: AnAttempt) -> None:
    first = ledger.add_attempt(an_attempt())
    ledger.set_state(first.id, AttemptState.FINISHED, finished_at="2026-01-01T11:00:00Z")

    second = ledger.add_attempt(an_attempt(started_at="2026-01-02T10:00:00Z"))

    assert ledger.live_attempt("ann", "dra-01") == second
    assert ledger.attempts(learner="ann") == [second, ledger.attempt(first.id)]
    assert ledger.attempts(states=[AttemptState.FINISHED])[0].id == first.id
    assert ledger.attempts(learner="bob") == []


def test_only_the_first_of_two_endings_counts(ledger: Ledger, an_attempt: AnAttempt) -> None:
    attempt = ledger.add_attempt(an_attempt())
    ledger.set_state(attempt.id, AttemptState.FINISHED, finished_at="2026-01-01T11:00:00Z")

    after = ledger.set_state(attempt.id, AttemptState.EXPIRED, finished_at="2026-01-01T12:00:00Z")

    assert (after.state, after.finished_at) == (AttemptState.FINISHED, "2026-01-01T11:00:00Z")


def test_progress_keeps_what_was_done_and_shows_the_newest_answer(
    ledger: Ledger, an_attempt: AnAttempt, a_report: AReport
) -> None:
    attempt = ledger.add_attempt(an_attempt())
    for at, outcomes in [
        ("2026-01-01T10:01:00Z", {"one": "failed", "two": "error"}),
        ("2026-01-01T10:02:00Z", {"one": "passed"}),
        ("2026-01-01T10:03:00Z", {"one": "failed", "two": "failed"}),
        ("2026-01-01T10:04:00Z", {"one": "passed"}),
    ]:
        ledger.append(a_report(attempt, at, **outcomes))

    progress = ledger.progress(attempt.id)

    assert progress["one"].done
    assert progress["one"].done_at == "2026-01-01T10:02:00Z"
    assert not progress["two"].done
    assert progress["two"].outcome is Outcome.FAILED
    assert progress["two"].checked_at == "2026-01-01T10:03:00Z"
    assert ledger.tasks_done() == {attempt.id: {"one": "2026-01-01T10:02:00Z"}}


def test_appending_twice_stores_once(
    ledger: Ledger, an_attempt: AnAttempt, a_report: AReport
) -> None:
    report = a_report(ledger.add_attempt(an_attempt()), one="passed")

    ledger.append(report)
    ledger.append(report)

    assert ledger.reports(report.attempt) == [report]
    assert len(ledger.signed_reports(report.attempt)) == 1
    with pytest.raises(LedgerError, match="another report with the id"):
        ledger.append(report.model_copy(update={"learner": "eve"}))


def test_a_report_without_an_attempt_is_refused(
    ledger: Ledger, an_attempt: AnAttempt, a_report: AReport
) -> None:
    with pytest.raises(NotFound):
        ledger.append(a_report(an_attempt(), one="passed"))


def test_many_writers_make_one_chain(
    ledger: Ledger, an_attempt: AnAttempt, a_report: AReport
) -> None:
    attempt = ledger.add_attempt(an_attempt())

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(ledger.append, [a_report(attempt, one="failed") for _ in range(30)]))

    assert len(ledger.reports(attempt.id)) == 30
    assert ledger.verify() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reports SET body = body",
        "DELETE FROM reports",
        "UPDATE verdicts SET outcome = 'passed'",
        "DELETE FROM verdicts",
        "DELETE FROM attempts",
        "UPDATE attempts SET learner = 'eve'",
        "UPDATE attempts SET seed = 1",
        "UPDATE statements SET body = body",
        "DELETE FROM statements",
    ],
)
def test_the_database_refuses_to_rewrite_history(
    ledger: Ledger, an_attempt: AnAttempt, a_report: AReport, statement: str
) -> None:
    attempt = ledger.add_attempt(an_attempt())
    ledger.append(a_report(attempt, one="failed"))
    ledger.add_appeal(attempt.id, "one", "It runs!")

    with pytest.raises(DBAPIError, match="append-only"), ledger.engine.begin() as connection:
        connection.execute(text(statement))


def test_the_migrations_make_exactly_the_tables_of_the_code(ledger: Ledger) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences: list[Any] = [
            d for d in compare_metadata(context, Base.metadata) if "ledger_version" not in str(d)
        ]

    assert differences == []


def test_processes_that_open_a_new_ledger_at_once_all_succeed(place: Any) -> None:
    program = (
        "import sys; from pathlib import Path; from graders.ledger import open_ledger\n"
        "ledger = open_ledger(sys.argv[1], Path(sys.argv[2]))\n"
        "print(ledger._keyring.public_key().public_bytes_raw().hex())"
    )
    command = [sys.executable, "-W", "error", "-c", program, place.url, str(place.keys)]

    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=60) for process in processes]

    assert [process.returncode for process in processes] == [0] * 4, outputs
    assert len({out for out, _ in outputs}) == 1, "every process must use the same key"
    ledger = place.open()
    assert set(inspect(ledger.engine).get_table_names()) >= {"attempts", "reports", "verdicts"}
    ledger.close()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "is not the URL of a database"),
        ("mysql://localhost/x", "mysql is not supported"),
        ("sqlite:////nowhere/at/all/assay.db", "No such file or directory"),
        ("postgresql://assay:hunter2@127.0.0.1:1/x", "cannot be used"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(LedgerError, match=sentence) as caught:
        open_ledger(url)

    assert "hunter2" not in str(caught.value)


def test_a_database_that_is_damaged_later_is_one_sentence(
    ledger: Ledger, an_attempt: AnAttempt
) -> None:
    with ledger.engine.begin() as connection:
        for table in ("statements", "verdicts", "reports", "rendered_labs", "attempts"):
            connection.execute(text(f"DROP TABLE {table}"))

    for act in (ledger.attempts, lambda: ledger.add_attempt(an_attempt()), ledger.verify):
        with pytest.raises(LedgerError, match="cannot be used: "):
            act()


def test_a_writer_killed_at_any_moment_leaves_a_whole_chain(
    place: Any, an_attempt: AnAttempt, a_report: AReport
) -> None:
    ledger = place.open()
    attempt = ledger.add_attempt(an_attempt())
    template = a_report(attempt, one="passed").model_dump_json(by_alias=True)
    program = (
        "import secrets, sys; from pathlib import Path; from graders.ledger import open_ledger\n"
        "from graders.report import Report\n"
        "ledger = open_ledger(sys.argv[1], Path(sys.argv[2]))\n"
        "report = Report.model_validate_json(sys.argv[3])\n"
        "while True:\n"
        "    id = secrets.token_hex(16)\n"
        "    ledger.append(report.model_copy(update={'id': id}))\n"
        "    print(id, flush=True)"
    )
    command = [sys.executable, "-c", program, place.url, str(place.keys), template]
    confirmed = []

    for reports_before_the_kill in (1, 4, 9):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(reports_before_the_kill):
                confirmed.append(writer.stdout.readline().strip())
            writer.kill()

    stored = {report.id for report in ledger.reports(attempt.id)}
    assert set(confirmed) <= stored
    ledger.append(a_report(attempt, one="passed"))
    assert ledger.verify() == []
    ledger.close()
