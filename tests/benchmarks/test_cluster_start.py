"""The benchmark of cluster starts: its arithmetic, and that it leaves nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import cluster_start
from benchmarks.cluster_start import Round, report, run_round
from benchmarks.peers import Assay

PEER = Round(4.0, 4.0, 520.0, 380.0, 0.05)


@pytest.mark.parametrize(
    ("cold_start", "resident", "met"),
    [(2.0, 440.0, True), (2.8, 450.0, True), (2.9, 440.0, False), (2.0, 451.0, False)],
)
def test_targets_are_met_only_together(cold_start: float, resident: float, met: bool) -> None:
    ours = replace(PEER, cold_start=cold_start, resident=resident)

    found = report({"assay": [ours], "kwokctl": [PEER]})

    assert found["met"] is met
    assert found["ratios"]["cold_start"] == pytest.approx(cold_start / 4.0, abs=0.001)


def test_medians_count() -> None:
    rounds = [replace(PEER, cold_start=seconds) for seconds in (1.0, 2.0, 90.0)]

    found = report({"assay": rounds, "kwokctl": [PEER] * 3})

    assert found["rounds"] == 3
    assert found["medians"]["assay"]["cold_start"] == 2.0


@pytest.mark.cluster
def test_a_round_measures_a_real_cluster_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster_start, "SETTLE_SECONDS", 0.0)
    before = set(Path("/tmp").glob("bench-*"))

    found = run_round(Assay)

    assert 0 < found.cold_start <= found.command
    assert 0 < found.proportional <= found.resident < 1000
    assert 0 < found.claim_to_running < 60
    assert set(Path("/tmp").glob("bench-*")) <= before
