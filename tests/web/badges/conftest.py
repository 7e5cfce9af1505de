"""A class of learners with a real ledger, a path, and the office that awards badges."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path as File
from typing import Any, NamedTuple

import pytest
import yaml

from clusters.cli.main import main
from graders.ledger import Attempt, AttemptState, Ledger, open_ledger, timestamp
from graders.report import CheckResult, Outcome, Report
from web.award_store import Award, AwardStore
from web.awards import AwardOffice
from web.database import WebDatabase, open_web_database
from web.issuer import LocalIssuer, open_issuer
from web.paths import Path, load_paths

TASKS = ("read-slices", "claim", "repair")
"""Of the lab that tests/web/conftest.py writes."""
PATH: dict[str, Any] = {
    "id": "devices",
    "name": "Devices on the API",
    "level": "Foundation",
    "description": "Claims accelerators of a cluster by its API.",
    "criteria": "Every task of the lab Claim a GPU.",
    "labs": ["claim-a-gpu"],
    "alignment": [{"name": "Platform APIs", "framework": "CNPE curriculum", "code": "P"}],
}


@dataclass
class Classroom:
    """Learners at work, and the office."""

    ledger: Ledger
    database: WebDatabase
    store: AwardStore
    issuer: LocalIssuer
    office: AwardOffice
    labs: File

    def write_paths(self, *paths: dict[str, Any]) -> tuple[Path, ...]:
        """Write labs/paths.yaml and read it."""
        text = yaml.safe_dump({"paths": list(paths)}, sort_keys=False)
        (self.labs / "paths.yaml").write_text(text, encoding="utf-8")
        return load_paths(self.labs)

    @property
    def path(self) -> Path:
        return self.write_paths(PATH)[0]

    def attempt(self, learner: str, lab: str = "claim-a-gpu", **changes: Any) -> Attempt:
        now = datetime.now(UTC)
        values: dict[str, Any] = {
            "id": secrets.token_hex(16),
            "learner": learner,
            "lab": lab,
            "lab_version": "1.0.0",
            "seed": 4711,
            "state": AttemptState.FINISHED,
            "provider": "embedded",
            "cluster": f"{lab}-{secrets.token_hex(4)}",
            "assurance": "practice",
            "started_at": timestamp(now - timedelta(minutes=25)),
            "deadline_at": timestamp(now + timedelta(minutes=95)),
            "kubernetes": "v1.37.2",
        }
        return self.ledger.add_attempt(Attempt(**{**values, **changes}))

    def check(
        self, attempt: Attempt, said: dict[str, Any] | None = None, /, **outcomes: str
    ) -> Report:
        """Let the proctor find this; `task_id=outcome`; `said` are other fields of the report."""
        now = timestamp(datetime.now(UTC))
        report = Report(
            id=secrets.token_hex(16),
            lab=attempt.lab,
            lab_version=attempt.lab_version,
            attempt=attempt.id,
            learner=attempt.learner,
            started_at=now,
            finished_at=now,
            results=tuple(
                CheckResult(task=task.replace("_", "-"), outcome=Outcome(found), message=found)
                for task, found in outcomes.items()
            ),
            versions={"kubernetes": "v1.37.2", "provider": "embedded"},
            **{"assurance": attempt.assurance, "evidence": f"sha256:{'e' * 64}", **(said or {})},
        )
        self.ledger.append(report)
        return report

    def complete(self, learner: str, lab: str = "claim-a-gpu", **changes: Any) -> Attempt:
        """Let a learner do every task of a lab in one attempt."""
        attempt = self.attempt(learner, lab, **changes)
        self.check(attempt, read_slices="passed", claim="passed", repair="passed")
        return attempt


@pytest.fixture
def classroom(home: File, labs: File, monkeypatch: pytest.MonkeyPatch) -> Iterator[Classroom]:
    monkeypatch.setenv("ASSAY_PUBLIC_URL", "https://labs.example.org")
    monkeypatch.setenv("ASSAY_ISSUER_NAME", "Example Labs")
    ledger, database, issuer = open_ledger(), open_web_database(), open_issuer()
    store = AwardStore(database)
    office = AwardOffice(ledger, store, issuer)
    yield Classroom(ledger, database, store, issuer, office, labs)
    ledger.close()
    database.close()


@pytest.fixture
def write_lab(labs: File) -> Callable[[str], None]:
    """Return a function that adds a lab with the same tasks as the first one."""

    def write(slug: str) -> None:
        document = yaml.safe_load((labs / "claim-a-gpu" / "lab.yaml").read_text("utf-8"))
        document |= {"slug": slug, "id": f"6c0f2a58-0000-4000-8000-{len(slug):012d}"}
        (labs / slug).mkdir()
        (labs / slug / "lab.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    return write


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Assay = Callable[..., Said]


@pytest.fixture
def assay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Assay:
    def run(*words: str | File) -> Said:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["assay", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return Said(int(str(end.value.code)), printed.out, printed.err)

    return run


@pytest.fixture
def award(classroom: Classroom) -> Award:
    classroom.complete("alice")
    return classroom.office.issue("alice", classroom.path)


@pytest.fixture
def badge(assay: Assay, award: Award, tmp_path: File) -> File:
    """The baked badge of alice as a file."""
    file = tmp_path / "badge.svg"
    said = assay("badge", "issue", "--learner", "alice", "--path", "devices", "--output", file)
    assert said.code == 0, said.err
    return file


@pytest.fixture
def elsewhere(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that moves to a machine that never issued a badge."""

    def move() -> None:
        monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "elsewhere"))

    return move
