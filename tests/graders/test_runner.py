"""The runner: whatever happens, the answer is a Report."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from clusters.provider import Cluster
from clusters.providers.embedded import EmbeddedProvider
from clusters.spec import ClusterSpec
from graders import grading, runner, turns
from graders.errors import Cancelled
from graders.lab import Lab
from graders.report import CheckResult, Outcome, Report
from graders.runner import GradingJob, grade
from graders.view import ClusterView
from graders.workers.pool import the_pool

pytestmark = pytest.mark.cluster

WriteLab = Callable[..., Lab]
MakeJob = Callable[..., GradingJob]


def test_each_task_gets_its_outcome_in_the_order_of_the_lab(
    write_lab: WriteLab, make_job: MakeJob, graded_cluster: Cluster
) -> None:
    lab = write_lab(
        """
        from graders import check, expect

        @check("breaks-off")
        def test_breaks_off():
            {}["status"]

        @check("says-no")
        def test_says_no():
            expect(False, "It is off", expected="on", found="off", hint="kubectl get")

        @check("asserts")
        def test_asserts():
            phase = "Pending"
            assert phase == "Running", "It does not run"

        @check("misses")
        def test_misses(cluster):
            cluster.get("Pod", "trainer", "lab")

        @check("passes")
        def test_passes(cluster, variant, baseline, learner):
            assert (variant["count"], baseline, learner) == (3, {"uid": "u"}, "ada")
            assert cluster.get("Namespace", "default")
        """,
        passes=5, says_no=5, asserts=5, misses=5, breaks_off=5,
    )  # fmt: skip
    heard: list[CheckResult] = []

    report = grade(make_job(lab, baseline={"uid": "u"}), heard.append)

    passes, says_no, asserts, misses, breaks_off = report.results
    assert passes.outcome is Outcome.PASSED
    assert passes.evidence[0]["kind"] == "Namespace"
    assert says_no.outcome is Outcome.FAILED
    assert (says_no.message, says_no.expected, says_no.found, says_no.hint) == (
        "It is off", "on", "off", "kubectl get",
    )  # fmt: skip
    assert asserts.outcome is Outcome.FAILED
    assert asserts.message == "It does not run"
    assert "'Pending' == 'Running'" in asserts.found
    assert (misses.outcome, misses.message) == (Outcome.FAILED, "There is no Pod lab/trainer")
    assert breaks_off.outcome is Outcome.ERROR
    assert breaks_off.message.startswith("The check broke off: KeyError: 'status' (test_checks.py:")
    assert tuple(heard) == report.results
    assert (report.lab, report.lab_version, report.learner) == (lab.slug, "1.0.0", "ada")
    assert report.cluster_uid == graded_cluster.uid
    assert report.started_at <= report.finished_at
    assert not report.passed


# How results come


def test_each_result_is_told_as_soon_as_it_is_known(write_lab: WriteLab, make_job: MakeJob) -> None:
    lab = write_lab(
        """
        import time
        from graders import check

        @check("quick")
        def test_quick(): pass

        @check("slow")
        def test_slow(): time.sleep(1)
        """,
        quick=5, slow=5,
    )  # fmt: skip
    heard: list[float] = []

    grade(make_job(lab), lambda result: heard.append(time.monotonic()))

    assert heard[1] - heard[0] > 0.9


def test_a_listener_that_fails_costs_nothing(
    write_lab: WriteLab, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    lab = write_lab("from graders import check\n@check('one')\ndef test_one(): pass", one=5)

    def broken(result: CheckResult) -> None:
        raise OSError("the browser went away")

    assert grade(make_job(lab), broken).passed
    assert "a listener to results failed" in caplog.text


def test_two_gradings_of_a_cluster_take_turns(
    write_lab: WriteLab, make_job: MakeJob, namespace: str
) -> None:
    lab = write_lab(
        f"""
        import time
        from graders import check

        @check("alone")
        def test_alone(cluster):
            metadata = {{"namespace": "{namespace}"}}
            probe = {{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}}
            with cluster.create_probe(probe) as probe:
                time.sleep(0.5)
                probe.read()
                assert len(cluster.list("ConfigMap", "{namespace}", "assay.dev/probe")) == 1
        """,
        alone=20,
    )
    reports: list[Report] = []
    threads = [
        threading.Thread(target=lambda: reports.append(grade(make_job(lab)))) for _ in range(2)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [report.passed for report in reports] == [True, True], reports


# When the cluster cannot be looked at


def one_check(write_lab: WriteLab) -> Lab:
    source = "from graders import check\n@check('one')\ndef test_one(cluster): cluster.list('Node')"
    return write_lab(source, one=5)


def test_another_grading_that_does_not_end_is_an_error(
    write_lab: WriteLab,
    make_job: MakeJob,
    graded_cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab = one_check(write_lab)
    with turns.turn(graded_cluster.grader_kubeconfig):
        monkeypatch.setattr(runner, "turn", lambda file, cancel: turns.turn(file, seconds=0.2))

        (result,) = grade(make_job(lab)).results

    assert result.outcome is Outcome.ERROR
    assert "Another check of this cluster does not end" in result.message


def test_another_cluster_at_the_same_place_is_an_error(
    write_lab: WriteLab, make_job: MakeJob
) -> None:
    (result,) = grade(make_job(one_check(write_lab), cluster_uid="of-another-one")).results

    assert result.outcome is Outcome.ERROR
    assert "not the cluster of the attempt" in result.message


def test_a_credential_that_is_not_accepted_makes_every_task_an_error(
    write_lab: WriteLab, make_job: MakeJob, graded_cluster: Cluster, tmp_path: Path
) -> None:
    document = yaml.safe_load(graded_cluster.grader_kubeconfig.read_text())
    document["users"][0]["user"] = {"token": "swordfish"}
    path = graded_cluster.grader_kubeconfig.with_name("wrong.kubeconfig")
    path.write_text(yaml.safe_dump(document))

    (result,) = grade(make_job(one_check(write_lab), grader_kubeconfig=path)).results
    path.unlink()

    assert result.outcome is Outcome.ERROR
    assert "does not accept the grader's credential" in result.message
    assert "swordfish" not in result.message


def test_a_cluster_that_is_gone_makes_every_task_an_error(
    write_lab: WriteLab, make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job(one_check(write_lab), grader_kubeconfig=tmp_path / "gone")

    (result,) = grade(job).results

    assert (result.outcome, result.message) == (
        Outcome.ERROR,
        "The cluster is gone, or was never there",
    )


def test_a_host_that_starts_no_process_makes_every_task_an_error(
    write_lab: WriteLab, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(one_check(write_lab))
    the_pool().close()  # those who are warm already need no new process
    monkeypatch.setattr(sys, "executable", "/nothing/of/this/name")

    (result,) = grade(job).results

    assert result.outcome is Outcome.ERROR
    assert result.message.startswith("This host could not start the grader: No such file")


def test_a_mistake_of_ours_ends_in_a_report_too(
    write_lab: WriteLab,
    make_job: MakeJob,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(grading, "the_pool", broken)

    (result,) = grade(make_job(one_check(write_lab))).results

    assert result.outcome is Outcome.ERROR
    assert "the operator's log says why" in result.message
    assert "RuntimeError: a mistake" in caplog.text


def test_an_api_server_that_dies_during_a_check_is_an_error_and_never_a_verdict(
    write_lab: WriteLab, make_job: MakeJob, provider: EmbeddedProvider
) -> None:
    cluster = provider.create(ClusterSpec("dies-during-a-check"))
    lab = write_lab(
        """
        from graders import check, expect

        @check("before")
        def test_before(cluster): cluster.list("Node")

        @check("during")
        def test_during(cluster):
            cluster.wait_until(lambda: not cluster.list("Node"), 20, "There are nodes")

        @check("after")
        def test_after(cluster):
            expect(cluster.find("Pod", "gone", "default") is None, "There is a Pod")
        """,
        before=20, during=30, after=20,
    )  # fmt: skip
    (server,) = (c.pid for c in cluster.components if c.name == "kube-apiserver")
    assert server is not None

    def kill(result: CheckResult) -> None:
        if result.task == "before":
            psutil.Process(server).kill()

    before, during, after = grade(make_job(lab, cluster), kill).results
    provider.delete(cluster.name)

    assert before.outcome is Outcome.PASSED
    assert during.outcome is after.outcome is Outcome.ERROR
    assert "The API server does not answer" in during.message
    assert "The API server does not answer" in after.message


# When nobody wants it any more


def test_a_cancelled_grading_ends_at_once_and_leaves_neither_report_nor_probe(
    write_lab: WriteLab, make_job: MakeJob, view: ClusterView, namespace: str
) -> None:
    lab = write_lab(
        f"""
        import time
        from graders import check

        @check("first")
        def test_first(): pass

        @check("long")
        def test_long(cluster):
            metadata = {{"namespace": "{namespace}"}}
            with cluster.create_probe(
                {{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}}
            ):
                time.sleep(60)
        """,
        first=5, long=90,
    )  # fmt: skip
    cancel = threading.Event()
    heard: list[str] = []

    def cancel_it() -> None:
        view.wait_until(
            lambda: view.list("ConfigMap", namespace, "assay.dev/probe"), 30, "No probe was made"
        )
        cancel.set()

    canceller = threading.Thread(target=cancel_it)
    canceller.start()
    with pytest.raises(Cancelled):
        grade(make_job(lab), lambda result: heard.append(result.task), cancel)
    canceller.join()

    assert heard == ["first"]
    assert view.list("ConfigMap", namespace, "assay.dev/probe") == []
    assert workers_alive() == []


def workers_alive() -> list[psutil.Process]:
    """Return the processes below the zygotes of labs, which are children of the first zygote."""
    zygotes = [p for p in psutil.Process().children() if "graders.workers.zygote" in p.cmdline()]
    labs = [lab for zygote in zygotes for lab in zygote.children()]
    return [worker for lab in labs for worker in lab.children()]


def test_a_grading_can_be_cancelled_while_it_waits_for_its_turn(
    write_lab: WriteLab, make_job: MakeJob, graded_cluster: Cluster
) -> None:
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    began = time.monotonic()

    with turns.turn(graded_cluster.grader_kubeconfig), pytest.raises(Cancelled):
        grade(make_job(one_check(write_lab)), cancel=cancel)

    assert time.monotonic() - began < 5
