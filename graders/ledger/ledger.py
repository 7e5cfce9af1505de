"""Ledger: attempts and their signed reports in one database, the truth about every learner."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from clusters.database import Sessions, connect, database_url, migrate
from clusters.errors import NotFound
from clusters.home import home
from graders.ledger.attempt import Attempt
from graders.ledger.chain import GENESIS, Chain, newest_link
from graders.ledger.effective import passed_at
from graders.ledger.errors import LedgerError
from graders.ledger.keys import Keyring, Seal
from graders.ledger.progress import TaskProgress, progress_of
from graders.ledger.sealing import Sealing
from graders.ledger.statement_book import TRIES, StatementBook
from graders.ledger.statements import (
    AppealCase,
    Effect,
    Override,
    require_words,
    standing_overrides,
)
from graders.ledger.tables import (
    LIVE_STATES,
    AttemptRow,
    AttemptState,
    RenderedLabRow,
    ReportRow,
    VerdictRow,
)
from graders.ledger.verification import find_problems, verdicts_of
from graders.report import Report

_MIGRATIONS = Path(__file__).parent / "migrations"
_STATEMENTS = "#statements"
"""Tells the seal of the statements from that of the reports."""


_ATTEMPT = select(AttemptRow.__table__).where(AttemptRow.id == bindparam("id"))
_BEFORE_REPORT = select(
    select(ReportRow.body).where(ReportRow.id == bindparam("id")).scalar_subquery(),
    select(AttemptRow.id).where(AttemptRow.id == bindparam("attempt")).scalar_subquery(),
    newest_link(ReportRow).scalar_subquery(),
)
"""The report if it is there already, its attempt if that is, and the link that goes before it."""


def open_ledger(url: str | None = None, keys: Path | None = None) -> Ledger:
    """Open the ledger and bring its tables up to date; safe from several processes at once.

    Args:
        url: SQLite or PostgreSQL; by default `ASSAY_DATABASE_URL`, else a file in the home folder.
        keys: folder of the proctor's key, by default `keys` in the home folder.

    Raises:
        LedgerError: the database cannot be reached or written.
    """
    engine = connect(url or database_url())
    migrate(engine, _MIGRATIONS)
    return Ledger(engine, Keyring(keys or home() / "keys"))


class SignedReport(NamedTuple):
    """A report, or a person's statement, as it was signed."""

    body: bytes
    """Its canonical JSON."""
    previous: str
    """Link of the report before it."""
    link: str
    signature: bytes
    """Ed25519 over the link."""


class Ledger:
    """Attempts and their signed reports. Safe to share between threads and processes."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        """Use an engine whose tables are up to date; `open_ledger` is the usual way."""
        self.engine = engine
        self._keyring = keyring
        self._sealing = Sealing(keyring)
        self._sessions = Sessions(engine)
        self._chain = Chain(ReportRow)
        self._url = engine.url.render_as_string(hide_password=True)
        self._statements = StatementBook(self._sessions, keyring, self._url + _STATEMENTS)

    def add_attempt(
        self, attempt: Attempt, rendered_lab: Mapping[str, Any] | None = None
    ) -> Attempt:
        """Record a new attempt, or return the live one that its learner has at that lab.

        Args:
            attempt: the new one.
            rendered_lab: the filled-in files of its lab, kept with it as JSON.
        """
        try:
            with self._sessions.writing() as session:
                session.add(attempt.to_row())
                if rendered_lab is not None:
                    session.flush()
                    body = zlib.compress(json.dumps(rendered_lab).encode())
                    session.add(RenderedLabRow(attempt=attempt.id, body=body))
        except IntegrityError:
            live = self.live_attempt(attempt.learner, attempt.lab)
            if live is None:
                raise
            return live
        return attempt

    def attempt(self, id: str) -> Attempt:
        """Return one attempt.

        Raises:
            NotFound: there is none with this id.
        """
        with self._sessions.looking_up() as connection:
            row = connection.execute(_ATTEMPT, {"id": id}).one_or_none()
        if row is None:
            raise NotFound(_no_attempt(id))
        return Attempt.from_row(row)

    def rendered_lab(self, attempt: str) -> dict[str, Any] | None:
        """Return the filled-in files that were kept with an attempt, None where none were."""
        with self._sessions.reading() as session:
            row = session.get(RenderedLabRow, attempt)
            return None if row is None else dict(json.loads(zlib.decompress(row.body)))

    def live_attempt(self, learner: str, lab: str) -> Attempt | None:
        """Return the attempt of this learner at this lab that is starting or open."""
        found = self.attempts(learner=learner, lab=lab, states=LIVE_STATES)
        return found[0] if found else None

    def attempts(
        self,
        learner: str | None = None,
        lab: str | None = None,
        states: Collection[AttemptState] | None = None,
    ) -> list[Attempt]:
        """Return the attempts that match every given argument, newest first."""
        query = select(AttemptRow).order_by(AttemptRow.started_at.desc(), AttemptRow.id)
        if learner is not None:
            query = query.where(AttemptRow.learner == learner)
        if lab is not None:
            query = query.where(AttemptRow.lab == lab)
        if states is not None:
            query = query.where(AttemptRow.state.in_([state.value for state in states]))
        with self._sessions.reading() as session:
            return [Attempt.from_row(row) for row in session.scalars(query)]

    def set_state(
        self,
        id: str,
        state: AttemptState,
        *,
        only_from: Collection[AttemptState] = LIVE_STATES,
        **changes: Any,
    ) -> Attempt:
        """Move an attempt to another state and return it as it is afterwards.

        Args:
            id: the attempt.
            state: where it goes.
            only_from: nothing changes unless it is in one of these, so that of two processes
                that end an attempt one wins; compare the returned state to know.
            changes: other fields to set: `cluster_uid`, `kubernetes`, `baseline`, `problem`,
                `deadline_at`, `finished_at`.

        Raises:
            NotFound: there is no attempt with this id.
        """
        with self._sessions.writing() as session:
            row = session.get(AttemptRow, id, with_for_update=True)
            if row is None:
                raise NotFound(_no_attempt(id))
            if AttemptState(row.state) in only_from:
                row.state = state.value
                for name, value in changes.items():
                    setattr(row, name, value)
            return Attempt.from_row(row)

    def append(self, report: Report) -> None:
        """Sign a report and append it for ever; appending the same report again is no error.

        Raises:
            NotFound: its attempt is not in the ledger.
            LedgerError: another report with this id is there, or the chain cannot be extended.
        """
        body = report.canonical()
        for _ in range(TRIES):
            try:
                seal = self._extend(report, body)
            except IntegrityError:
                continue  # another writer took our place in the chain
            if seal is not None:
                self._sealing.advance(self._url, seal)
            return
        raise LedgerError(f"report {report.id} could not be appended to the ledger")

    def _extend(self, report: Report, body: bytes) -> Seal | None:
        key = self._keyring.signing_key()
        about = {"id": report.id, "attempt": report.attempt}
        with self._sessions.executing() as connection:
            stored, attempt, previous = connection.execute(_BEFORE_REPORT, about).one()
            if stored:
                if stored != body:
                    raise LedgerError(f"another report with the id {report.id} is in the ledger")
                return None
            if attempt is None:
                raise NotFound(_no_attempt(report.attempt))
            row = {**about, "body": body, "evidence": report.evidence}
            seal = self._chain.extend(connection, row, key, previous or GENESIS)
            if verdicts := verdicts_of(report):
                connection.execute(insert(VerdictRow), verdicts)
            return seal

    def named_evidence(self, digests: Collection[str]) -> set[str]:
        """Return those of the digests that some report names."""
        with self._sessions.reading() as session:
            query = select(ReportRow.evidence).where(ReportRow.evidence.in_(digests))
            return set(session.scalars(query))

    def reports_with_evidence(self) -> list[tuple[str, str, str]]:
        """Return report, attempt and evidence of every check of a cluster that names some."""
        row = ReportRow
        regrades = select(VerdictRow.report).where(VerdictRow.regrade_of != "")
        query = select(row.id, row.attempt, row.evidence).where(row.evidence != "")
        with self._sessions.reading() as session:
            rows = session.execute(query.where(row.id.not_in(regrades)).order_by(row.number))
            return [(id, attempt, evidence) for id, attempt, evidence in rows]

    def has_report(self, id: str) -> bool:
        """Return whether a report of this id is in the ledger."""
        with self._sessions.reading() as session:
            return session.scalar(select(ReportRow.id).where(ReportRow.id == id)) is not None

    def reports(self, attempt: str) -> list[Report]:
        """Return the reports of an attempt, oldest first."""
        query = (
            select(ReportRow.body).where(ReportRow.attempt == attempt).order_by(ReportRow.number)
        )
        with self._sessions.reading() as session:
            return [Report.model_validate_json(body) for body in session.scalars(query)]

    def signed_reports(self, attempt: str) -> list[SignedReport]:
        """Return the reports of an attempt as they were signed, oldest first."""
        query = (
            select(ReportRow.body, ReportRow.previous, ReportRow.link, ReportRow.signature)
            .where(ReportRow.attempt == attempt)
            .order_by(ReportRow.number)
        )
        with self._sessions.reading() as session:
            return [SignedReport(*row) for row in session.execute(query)]

    def public_key_pem(self) -> str:
        """Return the public half of the proctor's key, for whoever verifies."""
        return self._keyring.public_key_pem()

    def progress(self, attempt: str) -> dict[str, TaskProgress]:
        """Return how far each task of an attempt is, by task id: checks, regrades, overrides."""
        return progress_of(self.reports(attempt), self.overrides(attempt))

    def tasks_done(self) -> dict[str, dict[str, str]]:
        """Return, for every attempt with a done task, since when each of its tasks is done.

        Regrades and overrides count as in `progress`.
        """
        with self._sessions.reading() as session:
            done = passed_at(session)
        for (attempt, task), override in standing_overrides(self.overrides()).items():
            if override.effect is Effect.PASSED:
                done.setdefault(attempt, {}).setdefault(task, override.at)
            else:
                done.get(attempt, {}).pop(task, None)
        return {attempt: tasks for attempt, tasks in done.items() if tasks}

    def add_override(
        self, attempt: str, task: str, effect: Effect, *, instructor: str, reason: str
    ) -> Override:
        """Settle a task by hand, beside its verdicts; the newest override of a task holds.

        Args:
            attempt: the attempt.
            task: id of the task; whether the lab has it is for the caller to know.
            effect: what holds from now on.
            instructor: who decides.
            reason: why, in their words.

        Raises:
            NotFound: there is no such attempt.
            InputInvalid: the reason is empty or too long.
        """
        require_words(reason=reason)
        return self._statements.override(
            self.attempt(attempt), task=task, effect=effect, instructor=instructor, reason=reason
        )

    def overrides(
        self, attempt: str | None = None, lab: str | None = None, learner: str | None = None
    ) -> list[Override]:
        """Return the overrides that match every given argument, oldest first."""
        return self._statements.overrides(attempt, lab, learner)

    def add_appeal(self, attempt: str, task: str, text: str) -> AppealCase:
        """Record that the learner of an attempt objects to the verdict on a task.

        Raises:
            NotFound: there is no such attempt.
            InputInvalid: the text is empty or too long.
            AppealPending: an earlier appeal on this task is not answered yet.
        """
        require_words(text=text)
        return self._statements.appeal(self.attempt(attempt), task, text)

    def appeal(self, id: str) -> AppealCase:
        """Return one appeal and its answer.

        Raises:
            NotFound: there is none with this id.
        """
        return self._statements.case(id)

    def appeals(
        self,
        attempt: str | None = None,
        lab: str | None = None,
        learner: str | None = None,
        *,
        open_only: bool = False,
    ) -> list[AppealCase]:
        """Return the appeals that match every given argument with their answers, oldest first."""
        cases = self._statements.cases(attempt, lab, learner)
        return [case for case in cases if case.open or not open_only]

    def answer_appeal(self, id: str, *, instructor: str, accepted: bool, text: str) -> AppealCase:
        """Answer an appeal, once; what follows from it is an override or a regrade of its own.

        Raises:
            NotFound: there is no such appeal.
            InputInvalid: the text is empty or too long.
            AppealAnswered: it has an answer already.
        """
        require_words(text=text)
        return self._statements.answer(id, instructor, text, accepted=accepted)

    def signed_statements(self, attempt: str) -> list[SignedReport]:
        """Return overrides, appeals and answers of an attempt as they were signed, oldest first."""
        return [SignedReport(*row) for row in self._statements.signed(attempt)]

    def evidence(self, attempt: str) -> list[str]:
        """Return the links of an attempt's reports, oldest first: what a credential cites."""
        return [signed.link for signed in self.signed_reports(attempt)]

    def verify(self) -> list[str]:
        """Check every link, signature and verdict; return each problem in one sentence."""
        self._sealing.wait()
        seals = [self._keyring.seal(name) for name in (self._url, self._url + _STATEMENTS)]
        with self._sessions.reading() as session:
            return find_problems(session, self._keyring.public_key(), *seals)

    def close(self) -> None:
        """Close every connection."""
        self._sealing.wait()
        self.engine.dispose()


def _no_attempt(id: str) -> str:
    return f"there is no attempt {id!r}; `assay attempt list` shows them"
