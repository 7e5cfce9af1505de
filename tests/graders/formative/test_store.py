"""Formative reports in both databases, beside a ledger that does not know them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from clusters.database import connect
from graders.formative.report import FormativeReport, FormativeResult
from graders.formative.store import FormativeStore
from graders.ledger import open_ledger
from graders.report import Outcome


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'assay.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("new_postgresql_url")()
    engine = connect(url)
    yield engine
    engine.dispose()


def report(id: str, attempt: str = "a", points: float = 1.5) -> FormativeReport:
    result = FormativeResult(
        cell="t", outcome=Outcome.FAILED, points=points, max_points=2, message="1.5 of 2 points"
    )
    return FormativeReport(
        id=id,
        lab="ape",
        lab_version="1.0.0",
        attempt=attempt,
        learner="ann",
        finished_at="2030-01-01T00:00:00Z",
        answers="sha256:0",
        results=(result,),
        points=points,
        max_points=2,
    )


def test_reports_are_kept_in_order_and_by_attempt(engine: Engine) -> None:
    store = FormativeStore(engine)
    for entry in (report("1"), report("2", points=0), report("3", attempt="b")):
        store.add(entry)

    assert store.reports("a") == [report("1"), report("2", points=0)]
    assert FormativeStore(engine).reports("b") == [report("3", attempt="b")]
    assert store.reports("c") == []


def test_several_processes_may_open_it_at_once(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    engines = [connect(url) for _ in range(4)]

    with ThreadPoolExecutor(4) as threads:
        stores = list(threads.map(FormativeStore, engines))

    stores[0].add(report("1"))
    assert [len(store.reports("a")) for store in stores] == [1, 1, 1, 1]
    for other in engines:
        other.dispose()


def test_the_ledger_beside_it_stays_as_it_is(engine: Engine, tmp_path: Path) -> None:
    url = engine.url.render_as_string(hide_password=False)
    ledger = open_ledger(url, tmp_path / "keys")
    before = set(inspect(engine).get_table_names())

    FormativeStore(ledger.engine).add(report("1"))

    assert set(inspect(engine).get_table_names()) - before == {
        "formative_reports",
        "formative_version",
    }
    assert ledger.verify() == []
    ledger.close()
