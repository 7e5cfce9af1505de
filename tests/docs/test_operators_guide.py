"""The operator's guide: what it tells to save is enough to go on with elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from graders.ledger import Attempt, AttemptState, open_ledger
from graders.report import CheckResult, Outcome, Report

PAGE = (Path(__file__).parents[2] / "docs" / "operators-guide.md").read_text(encoding="utf-8")
NOW = "2026-01-01T00:00:00Z"


def shown(word: str) -> str:
    """Return the tar command of the page that has this word."""
    found = re.search(rf"^tar .*{word}.*$", PAGE, re.MULTILINE)
    assert found
    return found[0]


def learn_something() -> None:
    ledger = open_ledger()
    attempt = Attempt(
        id="a" * 32,
        learner="ada",
        lab="tiny",
        lab_version="1.0.0",
        seed=1,
        state=AttemptState.OPEN,
        provider="embedded",
        cluster="tiny-a",
        assurance="practice",
        started_at=NOW,
        deadline_at="2036-01-01T00:00:00Z",
    )
    ledger.add_attempt(attempt)
    report = Report(
        id="b" * 32,
        lab="tiny",
        lab_version="1.0.0",
        attempt=attempt.id,
        learner="ada",
        started_at=NOW,
        finished_at=NOW,
        results=(CheckResult(task="one", outcome=Outcome.PASSED, message=""),),
    )
    ledger.append(report)
    ledger.close()


def test_a_backup_restored_elsewhere_is_a_ledger_that_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.delenv("ASSAY_DATABASE_URL", raising=False)
    monkeypatch.setenv("ASSAY_HOME", str(first))
    learn_something()
    for name in ("clusters/one/etcd", "evidence/ab", "learners/ada/tiny", "logs"):
        (first / name).mkdir(parents=True)
    (first / "accounts.json").write_text("{}")
    subprocess.run(shown("-czf"), shell=True, check=True, cwd=tmp_path)
    shutil.rmtree(first)

    second.mkdir(mode=0o700)
    monkeypatch.setenv("ASSAY_HOME", str(second))
    subprocess.run(shown("-xzf"), shell=True, check=True, cwd=tmp_path)

    ledger = open_ledger()
    assert ledger.verify() == []
    assert ledger.progress("a" * 32)["one"].done
    ledger.close()
    kept = {path.name for path in second.iterdir()}
    assert {"accounts.json", "evidence", "keys", "learners"} <= kept
    assert not {"clusters", "logs"} & kept
