"""The chaos run finds what leaks, and a short one finds nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.chaos import run
from benchmarks.chaos_agreement import disagreements
from benchmarks.chaos_world import World
from clusters.provider import provider_named
from graders.ledger import Attempt, AttemptState, open_ledger


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An installation in which nothing runs."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    ledger = open_ledger(f"sqlite:///{tmp_path}/assay.db")
    yield World(tmp_path, provider_named("embedded"), ledger, port=1)
    ledger.close()


def attempt(state: AttemptState, cluster: str) -> Attempt:
    return Attempt(
        id="a1",
        learner="ada",
        lab="bench-simple",
        lab_version="1.0.0",
        state=state,
        seed=1,
        cluster=cluster,
        provider="embedded",
        assurance="practice",
        started_at="2026-01-01T00:00:00Z",
        deadline_at="2036-01-01T00:00:00Z",
    )


def test_an_empty_installation_agrees_with_itself(world: World) -> None:
    assert disagreements(world) == []


def test_a_cluster_that_nobody_asked_for_is_told(world: World) -> None:
    (world.home / "clusters" / "left-over").mkdir(parents=True)

    assert disagreements(world) == ["cluster left-over: nobody asked for it"]


def test_a_cluster_that_is_gone_is_told(world: World) -> None:
    world.wanted.add("mine")

    assert disagreements(world) == ["cluster mine: was made and not deleted, and is gone"]


def test_a_process_that_nobody_lists_is_told(world: World) -> None:
    mark = {"ASSAY_CLUSTER": f"{world.home}/clusters/Not-A-Name"}
    with subprocess.Popen(["sleep", "60"], env={**os.environ, **mark}) as process:
        try:
            (found,) = disagreements(world)
        finally:
            process.kill()

    assert f"process {process.pid} of Not-A-Name" in found


@pytest.mark.parametrize("state", [AttemptState.STARTING, AttemptState.OPEN])
def test_an_attempt_without_its_cluster_is_told(world: World, state: AttemptState) -> None:
    world.ledger.add_attempt(attempt(state, "gone"))

    (found,) = disagreements(world)

    assert found.startswith("attempt a1: is ")


@pytest.mark.e2e
def test_a_short_run_leaks_nothing() -> None:
    found = run(operations=12, seed=11, provider="embedded")

    assert found["disagreements"] == []
    assert found["problems"] == []
