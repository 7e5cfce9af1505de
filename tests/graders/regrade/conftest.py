"""A lab that was checked on a real cluster, whose checks then change."""

from __future__ import annotations

import json
import secrets
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clusters.provider import Cluster
from graders.bundles.bundle import digest_of, make_bundle, read_bundle
from graders.bundles.held import HeldEvidence
from graders.bundles.store import EvidenceStore
from graders.lab import Lab, load_lab
from graders.ledger import Attempt, AttemptState, Ledger, open_ledger
from graders.regrade import Choice, Regraded, regrade
from graders.report import Report
from graders.runner import GradingJob, grade

FAIR = """
    from graders import ClusterView, Variant, check, expect


    @check("fair")
    def test_fair(cluster: ClusterView, variant: Variant, baseline, learner: str) -> None:
        expect(cluster.list("Node") and variant["count"] == 3 and baseline["n"] == 1, "odd")
        expect(learner == "ada", "somebody else", found=learner)
        with cluster.create_probe(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "default"}}
        ) as probe:
            expect(probe.read()["metadata"]["uid"], "no uid")
        expect(cluster.audit(verb="create", resource="nodes"), "nobody made the nodes")
        expect(not cluster.find("Pod", "nobody", "default"), "there is one")
"""
STRICT = """
    from graders import ClusterView, check, expect


    @check("strict")
    def test_strict(cluster: ClusterView) -> None:
        space = cluster.get("Namespace", "default")
        expect(space["status"]["phase"] == "Aktiv", "Not active", found=space["status"]["phase"])
"""
WAITING = """
    from graders import ClusterView, check


    @check("waiting")
    def test_waiting(cluster: ClusterView) -> None:
        cluster.wait_until(lambda: cluster.find("Pod", "late", "default"), 1, "No Pod is late")
"""


@dataclass
class School:
    """A ledger with one checked attempt, and the lab."""

    ledger: Ledger
    store: EvidenceStore
    lab: Lab
    report: Report

    @property
    def attempt(self) -> str:
        return self.report.attempt

    def rewrite(self, name: str, source: str) -> None:
        (self.lab.folder / "checks" / name).write_text(textwrap.dedent(source))
        self.lab = load_lab(self.lab.folder)

    def regrade(self, reason: str = "the check was wrong", **changes: Any) -> Regraded:
        choice = {k: changes.pop(k) for k in ("since", "attempt", "tasks") if k in changes}
        return regrade(
            self.ledger, self.store, Choice(self.lab, **choice), reason, judges=1, **changes
        )

    def enrol(self, number: int) -> list[Report]:
        """Give so many other learners the same verdicts on the same evidence."""
        document = read_bundle(self.store.get(self.report.evidence))
        reports: list[Report] = []
        for _ in range(number):
            attempt = an_attempt(self.lab)
            self.ledger.add_attempt(attempt)
            id = secrets.token_hex(16)
            text = rewritten(document, report=id, attempt=attempt.id)
            report = self.report.model_copy(
                update={
                    "id": id,
                    "attempt": attempt.id,
                    "learner": attempt.learner,
                    "evidence": self.store.put(text),
                }
            )
            assert report.evidence == digest_of(text)
            self.ledger.append(report)
            reports.append(report)
        return reports


def rewritten(document: dict[str, Any], **changes: str) -> bytes:
    about = {k: v for k, v in document.items() if k not in ("tasks", "objects", "schema")}
    made = json.loads(make_bundle({**about, **changes}, (), {}))
    made.update(tasks=document["tasks"], objects=document["objects"])
    return json.dumps(
        {k: made[k] for k in sorted(made)}, separators=(",", ":"), ensure_ascii=False
    ).encode()


def an_attempt(lab: Lab) -> Attempt:
    id = secrets.token_hex(16)
    return Attempt(
        id=id,
        learner=f"learner-{id[:6]}",
        lab=lab.slug,
        lab_version=lab.version,
        seed=7,
        state=AttemptState.FINISHED,
        provider="embedded",
        cluster=f"c-{id[:6]}",
        assurance="practice",
        started_at="2026-01-01T10:00:00Z",
        deadline_at="2026-01-01T12:00:00Z",
    )


@pytest.fixture
def school(
    tmp_path: Path,
    checked_lab: tuple[Lab, Report, HeldEvidence],
) -> Iterator[School]:
    lab, report, held = checked_lab
    for name, source in SOURCES.items():
        (lab.folder / "checks" / name).write_text(textwrap.dedent(source))
    ledger = open_ledger(f"sqlite:///{tmp_path / 'assay.db'}", tmp_path / "keys")
    store = EvidenceStore(tmp_path / "evidence")
    store.put_packed(report.evidence, held._held[report.evidence])
    attempt = an_attempt(lab)
    ledger.add_attempt(attempt)
    report = report.model_copy(update={"attempt": attempt.id, "learner": attempt.learner})
    ledger.append(report)
    yield School(ledger, store, load_lab(lab.folder), report)
    ledger.close()


SOURCES = {"test_fair.py": FAIR, "test_strict.py": STRICT, "test_waiting.py": WAITING}


@pytest.fixture(scope="session")
def checked_lab(
    graded_cluster: Cluster, write_lab: Callable[..., Lab], make_job: Callable[..., GradingJob]
) -> tuple[Lab, Report, HeldEvidence]:
    """A lab and its checks of a real cluster, with what they were told."""
    (name, first), *others = SOURCES.items()
    lab = write_lab(first, files=dict(others), fair=10, strict=10, waiting=10)
    (lab.folder / "checks" / "test_checks.py").rename(lab.folder / "checks" / name)
    held = HeldEvidence()
    report = grade(make_job(lab, evidence=held, baseline={"n": 1}))
    assert [r.outcome for r in report.results] == ["passed", "failed", "failed"], report.results
    return lab, report, held
