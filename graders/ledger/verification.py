"""Verification: whether the ledger still says what the proctor signed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from graders.ledger.chain import GENESIS, is_signed, link_of
from graders.ledger.keys import Seal
from graders.ledger.tables import AttemptRow, ReportRow, VerdictRow
from graders.report import Report


def verdicts_of(report: Report) -> list[VerdictRow]:
    """Return the rows that repeat the results of a report for queries."""
    return [
        VerdictRow(
            report=report.id,
            attempt=report.attempt,
            task=result.task,
            outcome=result.outcome.value,
            message=result.message,
            at=report.finished_at,
        )
        for result in report.results
    ]


def find_problems(session: Session, key: Ed25519PublicKey, seal: Seal) -> list[str]:
    """Return what is wrong with the ledger, each one sentence; [] when nothing is."""
    rows = session.scalars(select(ReportRow).order_by(ReportRow.number)).all()
    return [
        *_chain_problems(rows, key),
        *_seal_problems(rows, seal),
        *_content_problems(session, rows),
    ]


def _chain_problems(rows: Sequence[ReportRow], key: Ed25519PublicKey) -> Iterator[str]:
    previous = GENESIS
    for row in rows:
        if row.previous != previous:
            yield f"{_name(row)}: the report before it was removed or replaced"
        if link_of(row.previous, row.body) != row.link:
            yield f"{_name(row)}: was changed after it was signed"
        elif not is_signed(key, row.link, row.signature):
            yield f"{_name(row)}: is not signed by this proctor's key"
        previous = row.link


def _seal_problems(rows: Sequence[ReportRow], seal: Seal) -> Iterator[str]:
    if len(rows) < seal.length:
        yield f"{seal.length - len(rows)} of {seal.length} reports were removed"
    elif seal.length and rows[seal.length - 1].link != seal.link:
        yield f"{_name(rows[seal.length - 1])}: is not the report that the proctor appended there"


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
        if _said(verdicts_of(report)) != _said(verdicts.pop(row.id, [])):
            yield f"{_name(row)}: its verdicts were changed"
    for report_id in verdicts:
        yield f"report {report_id}: has verdicts but is not in the ledger"


def _said(verdicts: Iterable[VerdictRow]) -> list[tuple[str, ...]]:
    return [(v.report, v.attempt, v.task, v.outcome, v.message, v.at) for v in verdicts]


def _name(row: ReportRow) -> str:
    return f"report {row.number} ({row.id})"
