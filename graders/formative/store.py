"""Formative store: the points of notebooks, in a table of their own beside the ledger.

Nothing here is signed and nothing is derived from it: a verdict says that a cluster was as asked,
these points say that tests of Python passed.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, Float, Integer, String, Text, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from clusters.database import Sessions, migrate
from graders.formative.report import FormativeReport

VERSION_TABLE = "formative_version"
_MIGRATIONS = Path(__file__).parent / "migrations"


class FormativeBase(DeclarativeBase):
    """Base of the tables of formative points."""


class FormativeReportRow(FormativeBase):
    """One formative report."""

    __tablename__ = "formative_reports"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    attempt: Mapped[str] = mapped_column(String(32), index=True)
    learner: Mapped[str] = mapped_column(String(255))
    lab: Mapped[str] = mapped_column(String(64), index=True)
    points: Mapped[float] = mapped_column(Float)
    max_points: Mapped[float] = mapped_column(Float)
    finished_at: Mapped[str] = mapped_column(String(32))
    """RFC 3339, UTC."""
    body: Mapped[str] = mapped_column(Text)
    """The whole report as JSON."""


class FormativeStore:
    """The formative reports of this installation. Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        """Use a database, and bring its table of formative reports up to date.

        Raises:
            LedgerError: the database cannot be reached or written.
        """
        migrate(engine, _MIGRATIONS)
        self._sessions = Sessions(engine)

    def add(self, report: FormativeReport) -> None:
        """Keep a report.

        Raises:
            LedgerError: the database cannot be reached or written.
        """
        row = FormativeReportRow(
            id=report.id,
            attempt=report.attempt,
            learner=report.learner,
            lab=report.lab,
            points=report.points,
            max_points=report.max_points,
            finished_at=report.finished_at,
            body=report.canonical(),
        )
        with self._sessions.writing() as session:
            session.add(row)

    def reports(self, attempt: str) -> list[FormativeReport]:
        """Return the reports of an attempt, oldest first.

        Raises:
            LedgerError: the database cannot be reached.
        """
        query = (
            select(FormativeReportRow.body)
            .where(FormativeReportRow.attempt == attempt)
            .order_by(FormativeReportRow.number)
        )
        with self._sessions.reading() as session:
            return [FormativeReport.model_validate_json(body) for body in session.scalars(query)]
