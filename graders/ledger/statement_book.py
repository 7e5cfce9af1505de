"""The statements of a ledger: overrides, appeals and their answers, in a signed chain."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from clusters.database import Sessions
from clusters.errors import NotFound
from graders.ledger.attempt import Attempt
from graders.ledger.chain import Chain
from graders.ledger.errors import LedgerError
from graders.ledger.keys import Keyring
from graders.ledger.statements import (
    Answer,
    Appeal,
    AppealAnswered,
    AppealCase,
    AppealPending,
    Override,
    Statement,
    read_statement,
)
from graders.ledger.tables import AttemptRow, StatementRow, VerdictRow, timestamp

S = TypeVar("S", Override, Appeal, Answer)
TRIES = 100
"""Each lost race means that another writer appended; so many in a row is no race."""


class StatementBook:
    """Reads and appends statements. The ledger is its front door."""

    def __init__(self, sessions: Sessions, keyring: Keyring, seal_name: str) -> None:
        """Append to the database of `sessions`, signed by the key of `keyring`."""
        self._sessions = sessions
        self._keyring = keyring
        self._seal_name = seal_name
        self._chain = Chain(StatementRow)

    def override(self, attempt: Attempt, **said: Any) -> Override:
        """Append an override."""
        return self._append(lambda session: Override.model_validate({**_about(attempt), **said}))

    def appeal(self, attempt: Attempt, task: str, text: str) -> AppealCase:
        """Append an appeal.

        Raises:
            AppealPending: there is an appeal on this task that nobody has answered.
        """

        def write(session: Session) -> Appeal:
            for case in _cases(_read(session, attempt=attempt.id)):
                if case.open and case.appeal.task == task:
                    raise AppealPending(
                        f"your appeal of {case.appeal.at} on {task} is not answered yet; "
                        "wait for the answer"
                    )
            report = _newest_report(session, attempt.id, task)
            return Appeal.model_validate(
                {**_about(attempt), "task": task, "report": report, "text": text}
            )

        return AppealCase(self._append(write))

    def answer(self, id: str, instructor: str, text: str, *, accepted: bool) -> AppealCase:
        """Append the answer to an appeal.

        Raises:
            NotFound: there is no such appeal.
            AppealAnswered: it has an answer.
        """

        def write(session: Session) -> Answer:
            appeal, answer = _case(session, id)
            if answer is not None:
                raise AppealAnswered(f"{answer.instructor} answered this appeal at {answer.at}")
            about = appeal.model_dump(include={"attempt", "lab", "learner", "task"})
            said = {"appeal": id, "instructor": instructor, "accepted": accepted, "text": text}
            return Answer.model_validate({**_identity(), **about, **said})

        self._append(write)
        return self.case(id)

    def case(self, id: str) -> AppealCase:
        """Return one appeal; raises NotFound."""
        with self._sessions.reading() as session:
            return _case(session, id)

    def cases(
        self, attempt: str | None = None, lab: str | None = None, learner: str | None = None
    ) -> list[AppealCase]:
        """Return the appeals that match every given argument, oldest first."""
        return _cases(self._statements(attempt, lab, learner))

    def overrides(
        self, attempt: str | None = None, lab: str | None = None, learner: str | None = None
    ) -> list[Override]:
        """Return the overrides that match every given argument, oldest first."""
        found = self._statements(attempt, lab, learner)
        return [statement for statement in found if isinstance(statement, Override)]

    def signed(self, attempt: str) -> list[tuple[bytes, str, str, bytes]]:
        """Return body, previous link, link and signature of an attempt's statements."""
        row = StatementRow
        query = select(row.body, row.previous, row.link, row.signature).order_by(row.number)
        with self._sessions.reading() as session:
            rows = session.execute(query.where(row.attempt == attempt))
            return [(body, before, link, sign) for body, before, link, sign in rows]

    def _statements(
        self, attempt: str | None, lab: str | None, learner: str | None
    ) -> list[Statement]:
        with self._sessions.reading() as session:
            return _read(session, attempt=attempt, lab=lab, learner=learner)

    def _append(self, write: Callable[[Session], S]) -> S:
        for _ in range(TRIES):
            try:
                key = self._keyring.signing_key()
                with self._sessions.writing() as session:
                    previous = self._chain.last_link(session.connection())
                    statement = write(session)
                    row = {
                        "id": statement.id,
                        "attempt": statement.attempt,
                        "answers": getattr(statement, "appeal", None),
                        "body": statement.canonical(),
                    }
                    seal = self._chain.extend(session.connection(), row, key, previous)
            except IntegrityError:
                continue  # another writer took our place in the chain
            self._keyring.advance_seal(self._seal_name, seal)
            return statement
        raise LedgerError("the statement could not be appended to the ledger")


def _identity() -> dict[str, str]:
    return {"id": secrets.token_hex(16), "at": timestamp(datetime.now(UTC))}


def _about(attempt: Attempt) -> dict[str, str]:
    return {
        **_identity(),
        "attempt": attempt.id,
        "lab": attempt.lab,
        "learner": attempt.learner,
    }


def _read(
    session: Session,
    *,
    attempt: str | None = None,
    lab: str | None = None,
    learner: str | None = None,
) -> list[Statement]:
    query = select(StatementRow.body).order_by(StatementRow.number)
    if attempt is not None:
        query = query.where(StatementRow.attempt == attempt)
    if lab is not None or learner is not None:
        query = query.join(AttemptRow, AttemptRow.id == StatementRow.attempt)
    if lab is not None:
        query = query.where(AttemptRow.lab == lab)
    if learner is not None:
        query = query.where(AttemptRow.learner == learner)
    return [read_statement(body) for body in session.scalars(query)]


def _case(session: Session, id: str) -> AppealCase:
    both = or_(StatementRow.id == id, StatementRow.answers == id)
    bodies = session.scalars(select(StatementRow.body).where(both).order_by(StatementRow.number))
    for case in _cases(read_statement(body) for body in bodies):
        return case
    raise NotFound(f"there is no appeal {id!r}")


def _cases(statements: Iterable[Statement]) -> list[AppealCase]:
    statements = list(statements)
    answers = {answer.appeal: answer for answer in statements if isinstance(answer, Answer)}
    return [AppealCase(a, answers.get(a.id)) for a in statements if isinstance(a, Appeal)]


def _newest_report(session: Session, attempt: str, task: str) -> str:
    query = select(VerdictRow.report).where(VerdictRow.attempt == attempt, VerdictRow.task == task)
    return session.scalar(query.order_by(VerdictRow.id.desc()).limit(1)) or ""
