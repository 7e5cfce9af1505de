"""`assay lab watch`, run as an author runs it: a process that is there while they edit."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from graders.authoring import new_lab
from graders.ledger import open_ledger
from graders.watching import author_called, stamps

pytestmark = pytest.mark.cluster

WATCH = [sys.executable, "-m", "clusters.cli", "lab", "watch"]
DECLARED = """\
apiVersion: assay.dev/v1
kind: Check
task: run-replicas
require:
  - expect:
      kind: Deployment
      name: "{{ queue }}"
      namespace: "{{ space }}"
      matches: {spec: {replicas: %s}}
"""


class Watch:
    """A running `assay lab watch` and what it printed."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.text = ""
        self.process = subprocess.Popen(
            [*WATCH, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line

    def await_text(self, pattern: str, seconds: float = 60, after: int = 0) -> re.Match[str]:
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text[after:], re.DOTALL)):
            assert time.monotonic() < deadline, self.text
            assert self.process.poll() is None, self.text
            time.sleep(0.02)
        return found

    def end(self, by: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(by)
        code = self.process.wait(60)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_lab("watched", "Watched", tmp_path_factory.mktemp("own"))
    tests = folder / "checks" / "test_tasks.py"
    tests.write_text(tests.read_text().replace('@check("run-replicas")\n', ""))
    (folder / "checks" / "run.yaml").write_text(DECLARED % 7)
    return folder


@pytest.fixture(scope="module")
def watch(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    database = tmp_path_factory.mktemp("database") / "assay.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_DATABASE_URL", f"sqlite:///{database}")
        running = Watch(str(folder), "--task", "run-replicas", "--seed", "7")
        yield running
        assert running.end() == 0
        leaving = subprocess.run(
            [*WATCH, str(folder), "--once", "--finish", "--task", "run-replicas"],
            capture_output=True,
            timeout=120,
        )
        assert leaving.returncode == 0, leaving.stdout
        ledger = open_ledger()
        assert [attempt.state for attempt in ledger.attempts()] == ["finished"]
        assert [ledger.reports(attempt.id) for attempt in ledger.attempts()] == [[]]
        ledger.close()


def test_an_edit_is_seen_at_once(watch: Watch, folder: Path) -> None:
    watch.await_text(r"spec\.replicas: 7.*checked tasks done")
    took = []

    for number in (8, 9, 2):
        end, began = len(watch.text), time.monotonic()
        (folder / "checks" / "run.yaml").write_text(DECLARED % number)
        watch.await_text(r"run\.yaml .*checked tasks done", after=end)
        took.append(time.monotonic() - began)

    assert "spec.replicas: 9" in watch.text
    assert "✓ done" in watch.text[end:]
    # Usually 0.4 s; what else runs on this machine must not fail the test.
    assert min(took) < 3, took


def test_a_mistake_is_told_and_mended(watch: Watch, folder: Path) -> None:
    end = len(watch.text)
    (folder / "checks" / "run.yaml").write_text(DECLARED % "'{{ nothing }}'")
    watch.await_text("'nothing' is not a parameter of lab.yaml", after=end)

    end = len(watch.text)
    (folder / "checks" / "run.yaml").write_text(DECLARED % 2)

    watch.await_text("✓ done", after=end)


def test_what_needs_a_new_attempt_says_so(watch: Watch, folder: Path) -> None:
    end = len(watch.text)
    (folder / "manifests" / "30-more.yaml").write_text("# nothing yet\n")

    watch.await_text("watch again with --fresh", after=end)


def test_files_of_editors_are_no_change(tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / ".run.yaml.swp").touch()
    (tmp_path / "checks" / "run.yaml~").touch()

    assert stamps(tmp_path) == {}


def test_an_author_is_no_account_of_the_hub() -> None:
    assert not re.fullmatch(r"[a-z0-9._@-]+", author_called("ada"))
