"""The site on PostgreSQL: the same pages, the same answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask.testing import FlaskClient

if TYPE_CHECKING:
    from tests.web.conftest import School

PREFIX = "/services/web"


@pytest.fixture
def home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_postgresql_url: Callable[[], str]
) -> Path:
    """An installation whose database is on a PostgreSQL server."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ASSAY_DATABASE_URL", new_postgresql_url())
    return tmp_path / "home"


def test_pages_say_the_same_on_postgresql(
    ada: FlaskClient, grace: FlaskClient, school: School
) -> None:
    attempt = school.attempt("ada")
    school.check(attempt, claim="passed", repair="failed")
    school.check(attempt, claim="failed", read_slices="error")
    school.attempt("Émile")

    for path in ("/", "/labs/claim-a-gpu", "/labs/claim-a-gpu/work?seen=x", "/instructor"):
        assert grace.get(f"{PREFIX}{path}").status_code == 200
    progress = ada.get(f"{PREFIX}/progress?format=json").get_json()
    table = grace.get(f"{PREFIX}/instructor?format=json").get_json()

    assert progress["points"] == 20
    assert [verdict["task"] for verdict in progress["recent"]] == [
        "read-slices",
        "claim",
        "repair",
        "claim",
    ]
    assert [row["learner"] for row in table["learners"]] == ["ada", "Émile"]
    assert table["learners"][0]["tasks"] == {
        "read-slices": "no-verdict",
        "claim": "done",
        "repair": "not-yet",
    }
    assert table["done"] == {"read-slices": 0, "claim": 1, "repair": 0}
