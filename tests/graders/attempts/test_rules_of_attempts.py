"""What may be started, and how attempts end; on clusters that are only pretended."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusters.broker.memory import Memory
from clusters.capability import Capability
from clusters.errors import InputInvalid, NotFound, NotReadyError
from clusters.provider import ClusterState
from clusters.spec import ClusterSpec
from graders.attempts import AttemptEnded, Attempts, CapabilityMissing, CapacityExhausted
from graders.attempts.rules import version_problem
from graders.catalogue import find_lab
from graders.ledger import Attempt, AttemptState
from graders.report import Outcome

LAB = "bare-lab"


@pytest.fixture
def lab_file(labs: Path) -> Iterator[Path]:
    """The lab.yaml of a lab that is put back as it was."""
    path = labs / LAB / "lab.yaml"
    before = path.read_text()
    yield path
    path.write_text(before)


def change(path: Path, **keys: object) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **keys}))


def let_time_pass(attempts: Attempts, attempt: Attempt) -> None:
    past = "2020-01-01T00:00:00Z"
    attempts.ledger.set_state(attempt.id, AttemptState.OPEN, deadline_at=past)


def test_starting_again_continues_and_a_finished_attempt_makes_room(pretended: Attempts) -> None:
    first = pretended.start("ann", LAB)
    again = pretended.start("ann", LAB, seed=99)
    finished = pretended.finish(first.id)
    new = pretended.start("ann", LAB)

    assert again == first
    assert first.state is AttemptState.OPEN
    assert finished.state is AttemptState.FINISHED
    assert pretended.finish(first.id) == finished
    assert new.id != first.id
    assert [c.name for c in pretended.provider.list()] == [new.cluster]


def test_many_starts_at_once_are_one_attempt_with_one_cluster(pretended: Attempts) -> None:
    with ThreadPoolExecutor(6) as pool:
        started = list(pool.map(lambda _: pretended.start("ann", LAB), range(6)))

    assert len({attempt.id for attempt in started}) == 1
    assert len(pretended.provider.list()) == 1


def test_every_attempt_draws_its_own_seed_unless_it_is_told(pretended: Attempts) -> None:
    ann, bob = pretended.start("ann", LAB), pretended.start("bob", LAB)
    cy = pretended.start("cy", LAB, seed=5)

    assert ann.seed != bob.seed
    assert cy.seed == 5


def test_finishing_during_the_start_leaves_nothing(pretended: Attempts, fake_provider: Any) -> None:
    fake_provider.may_create.clear()
    with ThreadPoolExecutor(2) as pool:
        start = pool.submit(pretended.start, "ann", LAB)
        while not (starting := pretended.ledger.attempts(states=[AttemptState.STARTING])):
            assert not start.done()
        finish = pool.submit(pretended.finish, starting[0].id)
        while pretended.ledger.attempt(starting[0].id).live:
            assert not finish.done()

        fake_provider.may_create.set()

        with pytest.raises(AttemptEnded, match="was finished"):
            start.result(30)
        assert finish.result(30).state is AttemptState.FINISHED
    assert pretended.provider.list() == []


def test_a_start_under_way_is_not_taken_for_an_interrupted_one(
    pretended: Attempts, fake_provider: Any
) -> None:
    fake_provider.may_create.clear()
    with ThreadPoolExecutor(1) as pool:
        start = pool.submit(pretended.start, "ann", LAB)
        while not pretended.ledger.attempts(states=[AttemptState.STARTING]):
            assert not start.done()

        done = pretended.reconcile()

        fake_provider.may_create.set()
        assert start.result(30).state is AttemptState.OPEN
    assert done == []


def test_a_start_that_fails_breaks_the_attempt_and_leaves_nothing(
    pretended: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise NotReadyError("etcd was not ready in 30 s")

    monkeypatch.setattr("graders.attempts.lifecycle.apply_starting_state", fail)

    with pytest.raises(NotReadyError):
        pretended.start("ann", LAB)

    (attempt,) = pretended.ledger.attempts()
    assert (attempt.state, attempt.problem) == (AttemptState.BROKEN, "etcd was not ready in 30 s")
    assert attempt.finished_at
    assert pretended.provider.list() == []


def test_an_interrupted_start_breaks_the_attempt(
    pretended: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("graders.attempts.lifecycle.apply_starting_state", interrupt)

    with pytest.raises(KeyboardInterrupt):
        pretended.start("ann", LAB)

    assert pretended.ledger.attempts()[0].problem == "its start was interrupted"
    assert pretended.provider.list() == []


def test_an_attempt_whose_time_is_over_is_ended_by_whoever_looks_first(
    pretended: Attempts,
) -> None:
    by_check = pretended.start("ann", LAB)
    let_time_pass(pretended, by_check)
    with pytest.raises(AttemptEnded, match=r"the time of attempt .* was over at 2020-"):
        pretended.check(by_check.id)

    by_start = pretended.start("ann", LAB)
    let_time_pass(pretended, by_start)
    by_reconcile = pretended.start("ann", LAB)
    let_time_pass(pretended, by_reconcile)
    done = pretended.reconcile()

    assert done == [f"attempt {by_reconcile.id}: its time was over, it is expired"]
    ended = [pretended.ledger.attempt(a.id) for a in (by_check, by_start, by_reconcile)]
    assert {attempt.state for attempt in ended} == {AttemptState.EXPIRED}
    assert pretended.provider.list() == []


def test_an_attempt_whose_cluster_is_gone_is_broken_and_the_next_start_is_a_new_one(
    pretended: Attempts,
) -> None:
    lost = pretended.start("ann", LAB)
    pretended.provider.delete(lost.cluster)

    report = pretended.check(lost.id)
    new = pretended.start("ann", LAB)
    pretended.provider.delete(new.cluster)
    done = pretended.reconcile()

    assert {result.outcome for result in report.results} == {Outcome.ERROR}
    assert new.id != lost.id
    assert done == [f"attempt {new.id}: its cluster is gone"]
    states = {pretended.ledger.attempt(a.id).state for a in (lost, new)}
    assert states == {AttemptState.BROKEN}


def test_a_cluster_that_was_made_anew_is_not_the_learners(
    pretended: Attempts, fake_provider: Any
) -> None:
    attempt = pretended.start("ann", LAB)
    degraded = dataclasses.replace(
        fake_provider.status(attempt.cluster), state=ClusterState.INCOMPLETE, uid=""
    )
    fake_provider.clusters[attempt.cluster] = degraded

    done = pretended.reconcile()

    assert done == [f"attempt {attempt.id}: its cluster was lost"]
    assert pretended.ledger.attempt(attempt.id).state is AttemptState.BROKEN
    assert pretended.provider.list() == []


def test_only_clusters_of_attempts_that_are_over_are_orphans(pretended: Attempts) -> None:
    live, over = pretended.start("ann", LAB), pretended.start("bob", LAB)
    pretended.finish(over.id)
    foreign = f"attempt:{'0' * 32}"  # of another ledger, whose learners are at work
    owners = {"free": "", "rehearsed": "rehearsal:1", "foreign": foreign}
    for name, owner in {**owners, "orphan": f"attempt:{over.id}"}.items():
        pretended.provider.create(ClusterSpec(name, owner=owner))

    done = pretended.reconcile()

    assert done == ["cluster orphan: deleted, its attempt is over"]
    names = {cluster.name for cluster in pretended.provider.list()}
    assert names == {live.cluster, *owners}


def test_a_cluster_whose_deletion_was_interrupted_is_deleted(
    pretended: Attempts, fake_provider: Any
) -> None:
    over, live = pretended.start("ann", LAB), pretended.start("bob", LAB)
    clusters = fake_provider.clusters
    half = {"state": ClusterState.INCOMPLETE, "owner": "", "uid": ""}
    remains = dataclasses.replace(clusters[over.cluster], **half)
    pretended.finish(over.id)
    for cluster in (remains, dataclasses.replace(remains, name="somebodys")):
        clusters[cluster.name] = cluster

    done = pretended.reconcile()

    assert done == [f"cluster {over.cluster}: deleted, its attempt is over"]
    assert set(clusters) == {live.cluster, "somebodys"}


@pytest.mark.parametrize("learner", ["", "a" * 256, "a\x00b", "a\nb"])
def test_a_name_that_cannot_be_stored_is_refused(pretended: Attempts, learner: str) -> None:
    with pytest.raises(InputInvalid, match="learner: use 1 to 255 printable"):
        pretended.start(learner, LAB)


def test_one_repair_that_fails_does_not_stop_the_others(
    pretended: Attempts, fake_provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for who in ("ann", "bob"):
        let_time_pass(pretended, pretended.start(who, LAB))
    stubborn = fake_provider.list()[0].name
    delete = fake_provider.delete

    def refuse(name: str) -> None:
        if name == stubborn:
            raise NotReadyError("etcd does not die")
        delete(name)

    monkeypatch.setattr(fake_provider, "delete", refuse)
    done = pretended.reconcile()

    assert any("etcd does not die" in sentence for sentence in done)
    assert [cluster.name for cluster in pretended.provider.list()] == [stubborn]
    monkeypatch.undo()
    assert pretended.reconcile() == [f"cluster {stubborn}: deleted, its attempt is over"]


def test_a_full_installation_says_so_and_lets_go_on_who_is_in(
    pretended: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_MAX_CLUSTERS", "1")
    ann = pretended.start("ann", LAB)

    with pytest.raises(CapacityExhausted, match=r"all 1 clusters .* are in use"):
        pretended.start("bob", LAB)

    assert pretended.start("ann", LAB) == ann
    assert pretended.ledger.attempts(learner="bob") == []
    monkeypatch.setenv("ASSAY_MAX_CLUSTERS", "many")
    with pytest.raises(InputInvalid, match="ASSAY_MAX_CLUSTERS: must be a whole number"):
        pretended.start("bob", LAB)


def test_without_a_setting_memory_decides(
    pretended: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASSAY_MAX_CLUSTERS", raising=False)
    memory = Memory(total=2**30, available=400 * 2**20)
    monkeypatch.setattr("clusters.broker.broker.memory_now", lambda: memory)

    pretended.start("ann", LAB)  # one always has room

    with pytest.raises(CapacityExhausted):
        pretended.start("bob", LAB)


def test_two_at_once_do_not_both_take_the_last_place(
    pretended: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_MAX_CLUSTERS", "2")

    def start(who: str) -> bool:
        try:
            return bool(pretended.start(who, LAB))
        except CapacityExhausted:
            return False

    with ThreadPoolExecutor(6) as pool:
        started = list(pool.map(start, "abcdef"))

    assert started.count(True) == 2


def test_the_cluster_of_a_lab_is_asked_for_with_its_addons_also_when_it_is_mended(
    pretended: Attempts, lab_file: Path
) -> None:
    change(lab_file, addons=["metrics-adapter"])
    attempt = pretended.start("ann", LAB)
    change(lab_file, addons=["metrics-adapter", "kueue"])
    cluster = pretended.provider.status(attempt.cluster)
    broken = dataclasses.replace(cluster, state=ClusterState.DEGRADED)
    pretended.provider.clusters[attempt.cluster] = broken  # type: ignore[attr-defined]

    pretended.reconcile()

    asked: list[ClusterSpec] = pretended.provider.asked  # type: ignore[attr-defined]
    assert [spec.addons for spec in asked] == [("metrics-adapter",), ("metrics-adapter",)]


def test_a_lab_whose_addon_there_is_not_is_refused_before_anything_starts(
    pretended: Attempts, lab_file: Path
) -> None:
    change(lab_file, addons=["kewe"])

    with pytest.raises(InputInvalid, match="no add-on 'kewe'"):
        pretended.start("ann", LAB)

    assert pretended.provider.list() == []


def test_a_lab_that_needs_more_is_refused_before_anything_starts(
    pretended: Attempts, lab_file: Path
) -> None:
    change(lab_file, capabilities=["scheduling", "gpu", "networking"])

    with pytest.raises(CapabilityMissing, match="needs gpu, networking, which"):
        pretended.start("ann", LAB)

    assert pretended.ledger.attempts() == []
    assert pretended.provider.capabilities == {Capability.SCHEDULING}


def test_a_broken_lab_is_refused_with_every_problem_before_anything_starts(
    pretended: Attempts, labs: Path
) -> None:
    files = {labs / LAB / name: "{}" for name in ("notebook.ipynb",)}
    files[labs / LAB / "inventory.yaml"] = "nodes: {{ nothing }}\n"
    before = {path: path.read_text() for path in files}
    for path, text in files.items():
        path.write_text(text)

    with pytest.raises(InputInvalid) as caught:
        pretended.start("ann", LAB)

    for path, text in before.items():
        path.write_text(text)
    assert [problem.split(": ")[-2:] for problem in caught.value.problems] == [
        [f"{labs / LAB / 'inventory.yaml'}:1", "'nothing' is not a parameter of lab.yaml"],
        ["nbformat", "must be 4; is this a notebook?"],
    ]
    assert pretended.ledger.attempts() == []


def test_unknown_tasks_labs_and_attempts_are_named(pretended: Attempts) -> None:
    attempt = pretended.start("ann", LAB)

    with pytest.raises(InputInvalid, match="has no task 'nix'; it has run-replicas, repair-"):
        pretended.check(attempt.id, ["nix", "run-replicas"])
    with pytest.raises(InputInvalid, match="name at least one task"):
        pretended.check(attempt.id, [])
    with pytest.raises(NotFound, match="there is no lab 'nix'"):
        pretended.start("ann", "nix")
    for act in (pretended.check, pretended.finish):
        with pytest.raises(NotFound, match="no attempt 'nix'"):
            act("nix")


def test_an_attempt_that_ended_cannot_be_checked(pretended: Attempts) -> None:
    attempt = pretended.start("ann", LAB)
    pretended.finish(attempt.id)

    with pytest.raises(AttemptEnded, match=r"was finished at .*; start bare-lab again"):
        pretended.check(attempt.id)

    assert pretended.ledger.reports(attempt.id) == []


def test_a_patch_of_a_lab_keeps_attempts_and_anything_more_does_not(
    pretended: Attempts, lab_file: Path
) -> None:
    attempt = pretended.start("ann", LAB)

    change(lab_file, version="0.1.9")
    assert version_problem(attempt, find_lab(LAB)) == ""
    change(lab_file, version="0.2.0")
    report = pretended.check(attempt.id)

    assert {result.outcome for result in report.results} == {Outcome.ERROR}
    assert "changed from version 0.1.0 to 0.2.0" in report.results[0].message
    assert pretended.ledger.reports(attempt.id) == [report]
