"""Connections of a SQLite ledger that are kept open: when they must not be used any more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from graders.ledger import Attempt, open_ledger

AnAttempt = Callable[..., Attempt]


def test_a_ledger_that_was_replaced_by_a_backup_is_opened_anew(
    tmp_path: Path, an_attempt: AnAttempt
) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'assay.db'}", tmp_path / "keys")
    backup = open_ledger(f"sqlite:///{tmp_path / 'backup.db'}", tmp_path / "keys")
    ledger.add_attempt(an_attempt(learner="ann"))
    backup.add_attempt(an_attempt(learner="bob"))
    backup.close()

    for name in ("assay.db-wal", "assay.db-shm"):
        (tmp_path / name).unlink()
    shutil.move(tmp_path / "backup.db", tmp_path / "assay.db")

    assert [attempt.learner for attempt in ledger.attempts()] == ["bob"]
    ledger.close()


def test_a_forked_process_uses_no_connection_of_its_parent(
    tmp_path: Path, an_attempt: AnAttempt
) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'assay.db'}", tmp_path / "keys")
    ledger.add_attempt(an_attempt(learner="ann"))
    kept = _open_files(tmp_path)
    assert kept, "nothing is kept open, so this tests nothing"

    child = os.fork()
    if child == 0:
        try:
            ledger.add_attempt(an_attempt(learner="bob"))
            os._exit(0 if len(_open_files(tmp_path)) > len(kept) else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0, "the child used its parent's connection"
    assert sorted(attempt.learner for attempt in ledger.attempts()) == ["ann", "bob"]
    ledger.close()


def _open_files(folder: Path) -> list[str]:
    links = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    return [link for link in links if link.startswith(str(folder))]
