"""The site's tables: made once, by whoever comes first."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from web.database import open_web_database


def _open(url: str) -> None:
    open_web_database(url).close()


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'assay 100%.db'}"


def test_a_new_database_gets_the_tables_and_the_version_table_of_the_site(tmp_path: Path) -> None:
    database = open_web_database(_url(tmp_path))

    tables = set(inspect(database.engine).get_table_names())

    assert {"web_sign_ins", "alembic_version_web"} <= tables
    assert "alembic_version" not in tables
    database.close()


def test_several_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_open, args=(_url(tmp_path),)) for _ in range(4)]

    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0, 0, 0]


def test_an_exception_while_writing_leaves_nothing(tmp_path: Path) -> None:
    database = open_web_database(_url(tmp_path))
    insert = text("INSERT INTO web_sign_ins VALUES (:id, 'x', 'ada', '2030')")

    with pytest.raises(IntegrityError), database.writing() as session:
        session.execute(insert, [{"id": "a"}, {"id": "b"}, {"id": "a"}])

    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM web_sign_ins")) == 0
    database.close()
