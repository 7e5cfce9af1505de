"""The site on PostgreSQL: the same pages, the same answers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from flask.testing import FlaskClient

if TYPE_CHECKING:
    from tests.web.conftest import School

PREFIX = "/services/web"
SERVER_ACCOUNT = "nobody"
"""PostgreSQL refuses to run as root."""


def as_server(*command: str) -> None:
    if os.geteuid() == 0:
        command = ("setpriv", f"--reuid={SERVER_ACCOUNT}", "--clear-groups", *command)
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation whose database is a PostgreSQL server of its own."""
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        pytest.skip("PostgreSQL is not installed")
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    with TemporaryDirectory(prefix="assay-pg-", dir="/tmp") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, SERVER_ACCOUNT)
        data = f"{folder}/data"
        as_server("initdb", "-D", data, "-U", "assay", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        as_server("pg_ctl", "-D", data, "-l", f"{folder}/log", "-o", options, "-w", "start")
        url = f"postgresql:///postgres?host={folder}&user=assay"
        monkeypatch.setenv("ASSAY_DATABASE_URL", url)
        yield tmp_path / "home"
        as_server("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


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
