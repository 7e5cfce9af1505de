"""Sessions: transactions of one database, whose faults are sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from clusters.database.connection import READ_ONLY, unusable


class Sessions:
    """Opens transactions on an engine. Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        """Use an engine whose tables are up to date."""
        self.engine = engine
        self._reader = engine.execution_options(**READ_ONLY)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a transaction that may write; it is committed where the block ends well.

        Raises:
            DatabaseError: the database is away, full or damaged.
            IntegrityError: a lost race, which the caller expects.
        """
        with self._explained(), Session(self.engine, expire_on_commit=False) as session:
            with session.begin():
                yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a transaction that only reads.

        Raises:
            DatabaseError: the database is away or damaged.
        """
        with self._explained(), Session(self._reader) as session:
            yield session

    @contextmanager
    def executing(self) -> Iterator[Connection]:
        """Open a transaction that may write, for statements without mapped objects.

        What every check does is done so: it takes a quarter of the time. Raises like `writing`.
        """
        with self._explained(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def looking_up(self) -> Iterator[Connection]:
        """Open a transaction that only reads, without mapped objects; raises like `reading`."""
        with self._explained(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise unusable(self.engine, error) from error
