"""What a report names is on disk before anybody reads the name; else it names nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from graders.attempts.keeping import keep_evidence
from graders.bundles.bundle import make_bundle
from graders.bundles.held import HeldEvidence
from graders.bundles.store import EvidenceStore
from graders.report import Report


def a_report(evidence: str) -> Report:
    return Report(
        id="r",
        lab="lab",
        lab_version="1.0.0",
        attempt="a",
        learner="ann",
        started_at="2026-01-01T10:00:00Z",
        finished_at="2026-01-01T10:00:00Z",
        results=(),
        evidence=evidence,
    )


def test_the_evidence_of_a_kept_report_is_on_disk(tmp_path: Path) -> None:
    held, store = HeldEvidence(), EvidenceStore(tmp_path)
    report = a_report(held.hold(make_bundle({"attempt": "a"}, (), {})))

    assert keep_evidence(report, held, store) == report
    assert store.has(report.evidence)


def test_a_full_disk_costs_the_evidence_and_not_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, store = HeldEvidence(), EvidenceStore(tmp_path)
    report = a_report(held.hold(make_bundle({"attempt": "a"}, (), {})))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)

    assert keep_evidence(report, held, store).evidence == ""
    assert list(tmp_path.glob("??/*")) == []


def test_evidence_that_nobody_holds_any_more_is_not_named(tmp_path: Path) -> None:
    report = a_report("sha256:" + "0" * 64)

    assert keep_evidence(report, HeldEvidence(), EvidenceStore(tmp_path)).evidence == ""
    assert keep_evidence(a_report(""), HeldEvidence(), EvidenceStore(tmp_path)) == a_report("")
