"""The figures of clusters: they are taken of real clusters, and a missing peer is said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import clusters_fleet, clusters_held, clusters_kind, clusters_start
from benchmarks.cluster_figures import SECTIONS, report
from benchmarks.grading_rows import Row, exit_code
from clusters.errors import NotFound
from clusters.spec import ClusterSpec

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("script", ["clusters.py", "chaos.py", "grading.py"])
def test_scripts_start_beside_a_script_named_like_the_package(script: str) -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / script, "--help"], capture_output=True, text=True, check=True
    )

    assert "--json" in done.stdout


def test_each_section_has_its_module() -> None:
    modules = {m.__name__ for m in (clusters_start, clusters_fleet, clusters_held, clusters_kind)}

    assert set(SECTIONS.values()) == modules


def test_a_machine_without_docker_says_so_and_misses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nobody(name: str) -> None:
        raise NotFound(f"there is no cluster provider {name!r}")

    monkeypatch.setattr(clusters_kind, "provider_named", nobody)

    (row,) = rows = clusters_kind.measure()

    assert row.note == "not measured here: there is no cluster provider 'kind'"
    assert exit_code(rows) == 0
    assert json.loads(json.dumps(report(rows), allow_nan=False))["rows"][0]["value"] is None


@pytest.mark.cluster
def test_a_quick_run_of_the_fleet_takes_every_figure() -> None:
    rows = {row.what: row for row in clusters_fleet.measure(quick=True)}

    def found(what: str) -> Row:
        return next(row for name, row in rows.items() if name.startswith(what))

    assert found("lease from the frozen pool").samples == 2
    assert 0 < found("processor time of a lease").value
    assert 50 < found("memory of a cluster (PSS), mean").value < 1000
    assert found("processor of a frozen cluster").value == 0
    assert found("processor of an idle cluster").value > 0
    assert found("reset of a lab").samples == 2
    assert found("freeze by SIGSTOP").value > 0
    assert found("freeze by control group")


@pytest.mark.cluster
def test_a_quick_run_of_clusters_held_at_once_counts_those_that_answer() -> None:
    rows = clusters_held.measure(quick=True)

    assert rows[0].samples == 3
    assert 0 <= rows[0].value <= 3
    assert rows[1].value > 0


@pytest.mark.cluster
def test_as_many_clusters_are_held_as_one_asks_for() -> None:
    answered, *_ = clusters_held.measure(quick=True, wanted=2)

    assert (answered.value, answered.samples) == (2, 2)
    assert answered.note.startswith("2 of 2 were made in ")


def test_when_time_is_over_no_more_are_begun() -> None:
    began: list[str] = []

    class Provider:
        def list(self) -> list[object]:
            return []

        def create(self, spec: ClusterSpec) -> None:
            began.append(spec.name)

    class Broker:
        def limit(self, clusters: list[object]) -> int:
            return 1000

    attempts: Any = SimpleNamespace(provider=Provider(), broker=Broker())

    assert clusters_held.make(attempts, 4, seconds=60) == 4
    assert clusters_held.make(attempts, 4, seconds=-1) == 0
    assert len(began) == 4
