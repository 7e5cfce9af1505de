"""The pool: warm processes that die, labs that change, and gradings that know nothing of others."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from graders import grading
from graders.lab import Lab, load_lab
from graders.report import CheckResult, Outcome, Report
from graders.runner import GradingJob, grade
from graders.view import ClusterView
from graders.workers import pool as pool_module
from graders.workers.pool import Pool

pytestmark = pytest.mark.cluster

WriteLab = Callable[..., Lab]
MakeJob = Callable[..., GradingJob]

LOOKS = """
from graders import check, expect

@check("looks")
def test_looks(cluster):
    expect(len(cluster.list("Node")) == 2, "There are no two nodes")

@check("says-no")
def test_says_no(cluster):
    expect(not cluster.list("Node"), "There are nodes")
"""
RIGHT = [Outcome.PASSED, Outcome.FAILED]


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """A pool of the test's own, in the place of the one of this process."""
    pool = Pool()
    monkeypatch.setattr(grading, "the_pool", lambda: pool)
    yield pool
    pool.close()


def outcomes(report: Report) -> list[Outcome]:
    return [result.outcome for result in report.results]


def zygote_of(pool: Pool) -> psutil.Process:
    assert pool._process is not None
    return psutil.Process(pool._process.pid)


def assert_childless(process: psutil.Process) -> None:
    """Wait until its children are gone: those that did well are cleared up after in the back."""
    deadline = time.monotonic() + 10
    while process.children():
        assert time.monotonic() < deadline, process.children()
        time.sleep(0.01)


def kill(process: psutil.Process) -> None:
    """Kill a process and wait until it is dead; its parent may leave it a zombie."""
    process.kill()
    deadline = time.monotonic() + 20
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "it does not die"
        time.sleep(0.01)


# Processes that die


def test_a_zygote_that_died_is_replaced_when_it_is_needed(
    pool: Pool, write_lab: WriteLab, make_job: MakeJob
) -> None:
    job = make_job(write_lab(LOOKS, looks=20, says_no=20))
    assert outcomes(grade(job)) == RIGHT
    first = zygote_of(pool)
    (of_the_lab,) = first.children()

    kill(of_the_lab)
    assert outcomes(grade(job)) == RIGHT
    kill(first)
    assert outcomes(grade(job)) == RIGHT

    assert zygote_of(pool) != first


def test_a_worker_killed_at_any_moment_is_an_error_or_was_done(
    pool: Pool, write_lab: WriteLab, make_job: MakeJob
) -> None:
    job = make_job(write_lab(LOOKS, looks=20, says_no=20))
    grade(job)
    (of_the_lab,) = zygote_of(pool).children()
    dice, struck = random.Random(5), 0

    for _ in range(20):
        reports: list[Report] = []
        asking = threading.Thread(target=lambda into=reports: into.append(grade(job)))
        asking.start()
        time.sleep(dice.uniform(0, 0.1))
        for worker in of_the_lab.children():
            struck += 1
            worker.kill()
        asking.join()

        for found, right in zip(outcomes(reports[0]), RIGHT, strict=True):
            assert found in (right, Outcome.ERROR)
    assert struck > 3, "hardly one was hit, so this tests nothing"
    assert outcomes(grade(job)) == RIGHT
    assert_childless(of_the_lab)


def test_the_end_of_a_pool_leaves_no_process(write_lab: WriteLab, make_job: MakeJob) -> None:
    pool = Pool()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grading, "the_pool", lambda: pool)
        pool.warm(spares=2)
        grade(make_job(write_lab(LOOKS, looks=20, says_no=20)))
    zygote = zygote_of(pool)
    folder = Path(zygote.cwd())
    started = [zygote, *zygote.children(recursive=True)]

    pool.close()

    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []
    assert not folder.exists()


# Labs that are loaded


def test_a_check_that_was_edited_is_loaded_anew(
    pool: Pool, write_lab: WriteLab, make_job: MakeJob
) -> None:
    source = "from graders import check\n@check('one')\ndef test_one(): {}"
    lab = write_lab(source.format("assert 0"), one=5)
    job = make_job(lab)
    before = outcomes(grade(job))

    (lab.folder / "checks" / "test_checks.py").write_text(source.format("pass"))

    assert (before, outcomes(grade(job))) == ([Outcome.FAILED], [Outcome.PASSED])
    assert len(zygote_of(pool).children()) == 1, "the old one is still there"


def test_what_a_neighbour_of_the_checks_says_is_loaded_anew_too(
    pool: Pool, write_lab: WriteLab, make_job: MakeJob
) -> None:
    source = (
        "from graders import check\nimport answers\n"
        "@check('one')\ndef test_one(): assert answers.RIGHT"
    )
    lab = write_lab(source, files={"answers.py": "RIGHT = False"}, one=5)
    before = outcomes(grade(make_job(lab)))

    (lab.folder / "checks" / "answers.py").write_text("RIGHT = 12345")

    assert (before, outcomes(grade(make_job(lab)))) == ([Outcome.FAILED], [Outcome.PASSED])


def test_only_so_many_labs_stay_loaded(
    pool: Pool, write_lab: WriteLab, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "LABS", 2)

    for _ in range(5):
        assert outcomes(grade(make_job(write_lab(LOOKS, looks=20, says_no=20)))) == RIGHT

    assert len(zygote_of(pool).children()) <= 3


def test_a_lab_that_starts_a_thread_while_it_is_loaded_is_an_error(
    pool: Pool, write_lab: WriteLab, make_job: MakeJob
) -> None:
    thread = "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
    source = f"import threading, time\n{thread}\n"

    (result, _) = grade(make_job(write_lab(source + LOOKS, looks=20, says_no=20))).results

    assert result.outcome is Outcome.ERROR


# One grading and the next


@pytest.mark.parametrize("spares", [0, 4])
def test_a_grading_knows_nothing_of_the_one_before(
    pool: Pool, write_lab: WriteLab, make_job: MakeJob, spares: int
) -> None:
    lab = write_lab(
        """
        from graders import check, expect
        import json
        seen = []

        @check("one")
        def test_one(cluster):
            expect(not seen and not hasattr(json, "spoilt"), "Somebody was here before")
            seen.append(1)
            json.spoilt = True
        """,
        one=20,
    )
    pool.warm(spares)
    job = make_job(lab)

    for _ in range(4):
        (result,) = grade(job).results
        assert result.outcome is Outcome.PASSED, result.message


def test_a_worker_that_waited_sees_the_cluster_as_it_is_when_it_is_asked(
    pool: Pool, write_lab: WriteLab, make_job: MakeJob, kubectl: Callable[..., str]
) -> None:
    group = f"g{random.getrandbits(32):x}.example"
    lab = write_lab(
        f"""
        from graders import check

        @check("kind")
        def test_kind(cluster): cluster.list("Widget", api_version="{group}/v1")
        """,
        kind=20,
    )
    job = make_job(lab)
    pool.warm(spares=2)
    before = outcomes(grade(job))
    wait_for_a_spare(pool)

    kubectl("create", manifest=_kind_of(group))
    kubectl("wait", "--for=condition=Established", f"crd/widgets.{group}")
    after = grade(job)
    kubectl("delete", "crd", f"widgets.{group}")

    assert before == [Outcome.FAILED]
    assert outcomes(after) == [Outcome.PASSED], after.results[0].message


def test_a_worker_that_waited_in_vain_and_died_is_not_used(
    pool: Pool, write_lab: WriteLab, make_job: MakeJob
) -> None:
    job = make_job(write_lab(LOOKS, looks=20, says_no=20))
    pool.warm(spares=2)
    grade(job)
    wait_for_a_spare(pool)
    for lab in zygote_of(pool).children():
        for spare in lab.children():
            kill(spare)

    assert outcomes(grade(job)) == RIGHT


def wait_for_a_spare(pool: Pool) -> None:
    deadline = time.monotonic() + 20
    while not pool._spares._spares:
        assert time.monotonic() < deadline, "no spare is made"
        time.sleep(0.02)


def _kind_of(group: str) -> dict[str, object]:
    schema = {"openAPIV3Schema": {"type": "object"}}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget"}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
    }


# Checks at once, and limits for all together


def test_checks_that_may_run_at_once_do_and_others_do_not(
    pool: Pool, write_lab: WriteLab, make_job: MakeJob
) -> None:
    sleeps = "from graders import check\nimport time\n" + "".join(
        f"@check('{name}')\ndef test_{name}(): time.sleep(1.5)\n" for name in "abc"
    )
    lab = with_concurrent(write_lab(sleeps, a=20, b=20, c=20), "b", "c")
    heard: dict[str, float] = {}

    def hear(result: CheckResult) -> None:
        heard[result.task] = time.monotonic()

    report = grade(make_job(lab), hear)

    assert [result.task for result in report.results] == ["a", "b", "c"]
    assert report.passed
    assert abs(heard["b"] - heard["c"]) < 1.2, "they ran one after the other"
    assert min(heard["b"], heard["c"]) - heard["a"] > 1.2, "one ran beside one that must be alone"


def test_one_of_several_checks_at_once_that_dies_spoils_no_other(
    pool: Pool, write_lab: WriteLab, make_job: MakeJob, view: ClusterView, namespace: str
) -> None:
    source = f"""
        import os, time
        from graders import check

        @check("dies")
        def test_dies(cluster):
            metadata = {{"namespace": "{namespace}"}}
            with cluster.create_probe(
                {{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}}
            ):
                os._exit(3)

        @check("goes-on")
        def test_goes_on(cluster):
            metadata = {{"namespace": "{namespace}"}}
            with cluster.create_probe(
                {{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}}
            ) as probe:
                time.sleep(1)
                probe.read()
        """
    lab = with_concurrent(write_lab(source, dies=20, goes_on=20), "dies", "goes-on")

    dies, goes_on = grade(make_job(lab)).results

    assert dies.outcome is Outcome.ERROR
    assert goes_on.outcome is Outcome.PASSED, goes_on.message
    assert view.list("ConfigMap", namespace, "assay.dev/probe") == []


def test_all_checks_together_have_a_limit(
    pool: Pool, write_lab: WriteLab, make_job: MakeJob
) -> None:
    source = "from graders import check\nimport time\n" + "".join(
        f"@check('{name}')\ndef test_{name}(): time.sleep(2)\n" for name in "abc"
    )

    report = grade(make_job(write_lab(source, a=20, b=20, c=20), seconds=3.0))

    assert report.results[-1].outcome is Outcome.ERROR
    assert report.results[-1].message == "All checks together did not end within 3 s"


def with_concurrent(lab: Lab, *tasks: str) -> Lab:
    path = lab.folder / "lab.yaml"
    text = path.read_text()
    for task in tasks:
        text = text.replace(f"  id: {task}\n", f"  id: {task}\n  concurrent: true\n")
    path.write_text(text)
    return load_lab(lab.folder)
