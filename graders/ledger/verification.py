"""Verification: whether the ledger still says what the proctor signed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from graders.ledger.chain import GENESIS, Row, is_signed, link_of
from graders.ledger.keys import Seal
from graders.ledger.statements import read_statement
from graders.ledger.tables import AttemptRow, ReportRow, StatementRow, VerdictRow
from graders.report import Report

_SAID = ("report", "attempt", "task", "outcome", "message", "at", "regrade_of")
_NOUNS: dict[type, str] = {ReportRow: "report", StatementRow: "statement"}


def verdicts_of(report: Report) -> list[dict[str, str]]:
    """Return the rows of verdicts that repeat the results of a report for queries."""
    return [
        {
            "report": report.id,
            "attempt": report.attempt,
            "task": result.task,
            "outcome": result.outcome.value,
            "message": result.message,
            "at": report.finished_at,
            "regrade_of": report.regrade_of,
        }
        for result in report.results
    ]


def find_problems(
    session: Session, key: Ed25519PublicKey, seal: Seal, statements_seal: Seal
) -> list[str]:
    """Return what is wrong with the ledger, each one sentence; [] when nothing is."""
    rows = session.scalars(select(ReportRow).order_by(ReportRow.number)).all()
    statements = session.scalars(select(StatementRow).order_by(StatementRow.number)).all()
    return [
        *_chain_problems(rows, key),
        *_seal_problems(rows, seal),
        *_content_problems(session, rows),
        *_chain_problems(statements, key),
        *_seal_problems(statements, statements_seal),
        *_statement_problems(session, statements),
    ]


def _chain_problems(rows: Sequence[Row], key: Ed25519PublicKey) -> Iterator[str]:
    previous = GENESIS
    for row in rows:
        if row.previous != previous:
            yield f"{_name(row)}: the {_NOUNS[type(row)]} before it was removed or replaced"
        if link_of(row.previous, row.body) != row.link:
            yield f"{_name(row)}: was changed after it was signed"
        elif not is_signed(key, row.link, row.signature):
            yield f"{_name(row)}: is not signed by this proctor's key"
        previous = row.link


def _seal_problems(rows: Sequence[Row], seal: Seal) -> Iterator[str]:
    if len(rows) < seal.length:
        what = f"{_NOUNS[type(rows[0])]}s" if rows else "entries"
        yield f"{seal.length - len(rows)} of {seal.length} {what} were removed"
    elif seal.length and rows[seal.length - 1].link != seal.link:
        row = rows[seal.length - 1]
        yield f"{_name(row)}: is not the {_NOUNS[type(row)]} that the proctor appended there"


def _content_problems(session: Session, rows: Iterable[ReportRow]) -> Iterator[str]:
    attempts = {row.id: row for row in session.scalars(select(AttemptRow))}
    ordered = select(VerdictRow).order_by(VerdictRow.report, VerdictRow.id)
    verdicts = {
        report: list(group)
        for report, group in groupby(session.scalars(ordered), attrgetter("report"))
    }
    for row in rows:
        try:
            report = Report.model_validate_json(row.body)
        except ValidationError:
            yield f"{_name(row)}: is not a report"
            continue
        attempt = attempts.get(row.attempt)
        if (row.id, row.attempt) != (report.id, report.attempt) or attempt is None:
            yield f"{_name(row)}: is filed under another report or attempt"
        elif (attempt.learner, attempt.lab) != (report.learner, report.lab):
            yield f"{_name(row)}: its attempt names another learner or lab"
        if row.evidence != report.evidence:
            yield f"{_name(row)}: is filed with other evidence"
        if verdicts_of(report) != [_said(verdict) for verdict in verdicts.pop(row.id, [])]:
            yield f"{_name(row)}: its verdicts were changed"
    for report_id in verdicts:
        yield f"report {report_id}: has verdicts but is not in the ledger"


def _statement_problems(session: Session, rows: Iterable[StatementRow]) -> Iterator[str]:
    attempts = {row.id: row for row in session.scalars(select(AttemptRow))}
    for row in rows:
        try:
            said = read_statement(row.body)
        except ValidationError:
            yield f"{_name(row)}: is not a statement"
            continue
        filed = (row.id, row.attempt, row.answers)
        attempt = attempts.get(row.attempt)
        if filed != (said.id, said.attempt, getattr(said, "appeal", None)) or attempt is None:
            yield f"{_name(row)}: is filed under another statement or attempt"
        elif (attempt.learner, attempt.lab) != (said.learner, said.lab):
            yield f"{_name(row)}: its attempt names another learner or lab"


def _said(verdict: VerdictRow) -> dict[str, str]:
    return {name: getattr(verdict, name) for name in _SAID}


def _name(row: ReportRow | StatementRow) -> str:
    return f"{_NOUNS[type(row)]} {row.number} ({row.id})"
