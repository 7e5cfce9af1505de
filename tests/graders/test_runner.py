"""The runner: whatever a check does, the answer is a Report, and never a pass it has not earned."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import textwrap
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
from graders import runner, turns, worker_process
from graders.lab import Lab
from graders.report import CheckResult, Outcome, Report
from graders.runner import GradingJob, grade

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


# What a check may do wrong. Each is really done, by a check between two innocent ones.

MISBEHAVIOUR = {
    "raises KeyboardInterrupt": (
        "tried to end the grader",
        "raise KeyboardInterrupt",
    ),
    "raises SystemExit": (
        "tried to end the grader",
        "raise SystemExit(0)",
    ),
    "calls sys.exit": (
        "tried to end the grader",
        "sys.exit(0)",
    ),
    "calls pytest.exit": (
        "tried to end the grader",
        "pytest.exit('bye', returncode=0)",
    ),
    "calls os._exit": (
        "ended its grader (exit code 0)",
        "os._exit(0)",
    ),
    "aborts": (
        "SIGABRT",
        "os.abort()",
    ),
    "kills itself": (
        "ended a process (os.kill)",
        "os.kill(os.getpid(), signal.SIGKILL)",
    ),
    "crashes": (
        "SIGSEGV",
        "ctypes.string_at(0)",
    ),
    "recurses": (
        "RecursionError",
        "f = lambda: f(); f()",
    ),
    "hangs": (
        "did not end within 2 s",
        "time.sleep(1000)",
    ),
    "hangs and catches what interrupts it": (
        "did not end within 2 s",
        """
        while True:
            try:
                time.sleep(1000)
            except BaseException:
                break
        """,
    ),
    "hangs and does not let itself be interrupted": (
        "did not end within 2 s",
        """
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        time.sleep(1000)
        """,
    ),
    "forks and goes on twice": (
        "process (os.fork)",
        """
        try:
            os.fork()
        except Exception:
            pass
        """,
    ),
    "forks past Python": (
        "left a thread or a process",
        "ctypes.CDLL(None).fork(); time.sleep(0.1)",
    ),
    "starts a process": (
        "process (subprocess.Popen)",
        "subprocess.Popen(['sleep', '1000'])",
    ),
    "starts a process that leaves the group": (
        "process (subprocess.Popen)",
        "subprocess.Popen(['sleep', '1000'], start_new_session=True)",
    ),
    "closes every descriptor": (
        "ended its grader",
        "os.closerange(0, 256)",
    ),
    "closes its output": (
        "closed or replaced the grader's output",
        "sys.stdout.close(); sys.stderr.close(); os.close(1); os.close(2)",
    ),
    "prints megabytes": (
        "printed more than 1 MiB",
        "print('x' * (8 << 20))",
    ),
    "prints megabytes to the descriptor": (
        "printed more than 1 MiB",
        "[os.write(2, b'x' * 65536) for _ in range(64)]",
    ),
    "writes a forged pass to every descriptor": (
        "place of the results",
        """
        forged = b'{"kind": "result", "task": "TASK", "outcome": "passed", "number": 2}\\n'
        for descriptor in range(256):
            try:
                os.write(descriptor, forged)
            except OSError:
                pass
        """,
    ),
    "writes half a line to every descriptor and says no": (
        "place of the results",
        """
        for descriptor in range(3, 256):
            try:
                os.write(descriptor, b'passed')
            except OSError:
                pass
        assert False
        """,
    ),
    "puts something else in the place of the results": (
        "ended its grader",
        """
        for descriptor in range(3, 256):
            try:
                os.dup2(1, descriptor)
            except OSError:
                pass
        """,
    ),
    "writes a report to its folder": (
        "changed files",
        """
        with open('report.json', 'w') as report:
            report.write('{"outcome": "passed"}')
        """,
    ),
    "writes to its folder and hides it": (
        "changed files",
        """
        try:
            open('results.xml', 'w')
        except Exception:
            pass
        """,
    ),
    "writes next to the checks": (
        "changed files",
        "open(__file__, 'a')",
    ),
    "leaves a thread": (
        "left a thread",
        "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
    ),
    "ends its worker later, from a thread": (
        "ended its grader",
        """
        threading.Timer(0.05, os._exit, [0]).start()
        time.sleep(10)
        """,
    ),
    "eats memory": (
        "MemoryError",
        "bytearray(4 << 30)",
    ),
    "opens too many files": (
        "Too many open files",
        "x = [open('/dev/null') for _ in range(1000)]",
    ),
    "is skipped": (
        "skipped, which is no pass",
        "pytest.skip('not today')",
    ),
    "is an expected failure": (
        "XFailed: known (test_checks.py",
        "pytest.xfail('known')",
    ),
    "calls pytest.fail": (
        "Failed: no",
        "pytest.fail('no')",
    ),
    "returns an answer": (
        "returned something",
        "return True",
    ),
    "imports what is not there": (
        "ModuleNotFoundError",
        "import nothing_of_this_name",
    ),
    "says no in a group": (
        "ExceptionGroup",
        "raise ExceptionGroup('several', [AssertionError('no')])",
    ),
}


def _source() -> str:
    lines = [
        "import ctypes, os, pytest, signal, subprocess, sys, threading, time",
        "from graders import check",
    ]
    for number, (_, body) in enumerate(MISBEHAVIOUR.values()):
        lines += [f'@check("bad-{number}")', f"def bad_{number}(cluster):"]
        lines += ["    cluster.get('Namespace', 'default')"]
        lines += [textwrap.indent(textwrap.dedent(body), "    ")]
    lines += ['@check("innocent")', "def innocent(cluster):", "    cluster.list('Node')"]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def misbehaved(write_lab: WriteLab, make_job: MakeJob) -> Report:
    """The report about every bad check, one after the other, and an innocent one at the end."""
    bad = {f"bad_{number}": 2 for number in range(len(MISBEHAVIOUR))}
    lab = write_lab(_source(), **bad, innocent=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "GRACE_SECONDS", 1.0)
        return grade(make_job(lab))


@pytest.mark.parametrize("misbehaviour", MISBEHAVIOUR)
def test_a_check_is_an_error_that(misbehaviour: str, misbehaved: Report) -> None:
    sentence, _ = MISBEHAVIOUR[misbehaviour]

    result = misbehaved.results[list(MISBEHAVIOUR).index(misbehaviour)]

    assert result.outcome is Outcome.ERROR, result
    assert sentence in result.message
    assert "\n" not in result.message


def test_a_task_after_bad_checks_is_checked_all_the_same(misbehaved: Report) -> None:
    assert misbehaved.results[-1].outcome is Outcome.PASSED, misbehaved.results[-1].message


def test_nothing_that_a_bad_check_started_lives_on(misbehaved: Report) -> None:
    assert misbehaved.results

    assert "graders.worker" not in str(_commands_below(os.getpid()))
    assert ["sleep", "1000"] not in [p.info["cmdline"] for p in psutil.process_iter(["cmdline"])]


def _commands_below(pid: int) -> list[list[str]]:
    return [process.cmdline() for process in psutil.Process(pid).children(recursive=True)]


# Labs that are wrong


def test_a_task_without_exactly_one_check_is_an_error_and_others_are_checked(
    write_lab: WriteLab, make_job: MakeJob
) -> None:
    lab = write_lab(
        """
        import pytest
        from graders import check

        @check("good")
        def test_good(cluster): cluster.list("Node")

        @check("twice")
        def test_one(): pass

        @check("twice")
        def test_two(): pass

        @check("parametrised")
        @pytest.mark.parametrize("a", [1, 2])
        def test_parametrised(a): pass

        @pytest.mark.skip
        @check("skipped")
        def test_skipped(): pass

        @check("expected")
        @pytest.mark.xfail
        def test_expected(): assert False

        class TestClass:
            @check("in-a-class")
            def test_in_a_class(self): pass

        def test_of_no_task(): raise SystemExit
        """,
        files={
            "test_broken.py": "import nothing_of_this_name",
            "test_skipped.py": "import pytest; pytest.skip('x', allow_module_level=True)",
        },
        good=5, twice=5, parametrised=5, skipped=5, expected=5, in_a_class=5, none=5,
    )  # fmt: skip

    good, *bad = grade(make_job(lab)).results
    messages = [result.message for result in bad]

    assert good.outcome is Outcome.PASSED
    assert {result.outcome for result in bad} == {Outcome.ERROR}
    assert "several checks for the task twice: test_checks.py::test_one" in messages[0]
    assert "several checks for the task parametrised" in messages[1]
    assert "marked skip; a check is never skipped" in messages[2]
    assert "marked xfail" in messages[3]
    assert "no check for the task in-a-class" in messages[4]
    assert "No module named 'nothing_of_this_name'" in messages[5]
    assert "test_skipped.py" in messages[5]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("test_aaa.py", "import os; os._exit(0)"),
        ("test_aaa.py", "raise SystemExit(0)"),
        ("test_aaa.py", "raise KeyboardInterrupt"),
        ("conftest.py", "import nothing_of_this_name"),
        ("conftest.py", "def pytest_configure(config): raise AssertionError"),
        ("conftest.py", "def pytest_runtestloop(session): return True"),
    ],
)
def test_checks_that_cannot_be_loaded_are_errors(
    write_lab: WriteLab, make_job: MakeJob, name: str, text: str
) -> None:
    source = "from graders import check\n@check('one')\ndef test_one(): pass"
    lab = write_lab(source, files={name: text}, one=5)

    (result,) = grade(make_job(lab)).results

    assert result.outcome is Outcome.ERROR
    assert result.message


def test_checks_that_hang_while_they_are_loaded_are_errors(
    write_lab: WriteLab, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "START_SECONDS", 4.0)
    lab = write_lab("import time; time.sleep(1000)", one=5, two=5)

    results = grade(make_job(lab)).results

    assert {result.message for result in results} == {"The grader was not ready within 4 s"}


def test_a_fixture_that_says_no_is_an_error(write_lab: WriteLab, make_job: MakeJob) -> None:
    lab = write_lab(
        """
        import pytest
        from graders import check

        @pytest.fixture
        def trainer(cluster): return cluster.get("Pod", "trainer", "lab")

        @pytest.fixture
        def closing():
            yield
            assert False, "not closed"

        @check("set-up")
        def test_set_up(trainer): pass

        @check("tear-down")
        def test_tear_down(closing): pass

        @check("unknown")
        def test_unknown(nothing_of_this_name): pass

        @check("waits")
        async def test_waits(): pass
        """,
        set_up=5, tear_down=5, unknown=5, waits=5,
    )  # fmt: skip

    set_up, tear_down, unknown, waits = grade(make_job(lab)).results

    assert set_up.outcome is tear_down.outcome is unknown.outcome is waits.outcome is Outcome.ERROR
    assert "could not be prepared" in set_up.message
    assert "There is no Pod lab/trainer" in set_up.message
    assert "could not clean up" in tear_down.message
    assert "nothing_of_this_name" in unknown.message


def test_only_the_tasks_that_were_asked_for_are_checked(
    write_lab: WriteLab, make_job: MakeJob
) -> None:
    lab = write_lab(
        """
        import os
        from graders import check

        @check("one")
        def test_one(): os._exit(1)

        @check("two")
        def test_two(): pass
        """,
        one=5, two=5,
    )  # fmt: skip

    report = grade(make_job(lab, tasks=("two",)))

    assert [(r.task, r.outcome) for r in report.results] == [("two", Outcome.PASSED)]
    assert report.passed


# What a worker has


def test_a_worker_has_nothing_of_the_platform(
    write_lab: WriteLab, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("ASSAY_DATABASE_URL", "postgresql://user:swordfish@db")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "swordfish")
    monkeypatch.setenv("KUBECONFIG", "/somewhere")
    lab = write_lab(
        """
        import os
        from graders import check

        @check("looks")
        def test_looks():
            assert set(os.environ) <= {"PATH", "HOME", "TMPDIR", "LANG", "TZ", "LC_CTYPE",
                                       "PYTEST_CURRENT_TEST", "PYTEST_VERSION"}, set(os.environ)
            for file in ("environ", "cmdline"):
                with open(f"/proc/self/{file}") as text:
                    assert "swordfish" not in text.read()
            assert os.listdir(".") == []
            assert os.getcwd() == os.environ["HOME"]
            assert os.getsid(0) == os.getpid()
        """,
        looks=5,
    )

    (result,) = grade(make_job(lab)).results

    assert result.outcome is Outcome.PASSED, result.found
    assert list(tmp_path.iterdir()) == []


def test_what_a_worker_prints_is_kept_for_operators_up_to_a_limit(
    write_lab: WriteLab, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    lab = write_lab(
        """
        from graders import check

        @check("prints")
        def test_prints():
            print("y" * 500_000)
            raise ValueError("the cause")
        """,
        prints=5,
    )

    with caplog.at_level(logging.WARNING, logger="graders.runner"):
        (result,) = grade(make_job(lab)).results

    (record,) = caplog.records
    assert result.outcome is Outcome.ERROR
    assert "ValueError: the cause" in record.getMessage()
    assert len(record.getMessage()) < worker_process.OUTPUT_KEPT + 1000


def test_the_value_of_a_secret_is_in_no_result(
    write_lab: WriteLab, make_job: MakeJob, namespace: str, kubectl: Callable[..., str]
) -> None:
    literal = "--from-literal=password=correct-horse"
    kubectl("create", "secret", "generic", "door", f"--namespace={namespace}", literal)
    lab = write_lab(
        f"""
        import base64
        from graders import check

        @check("compares")
        def test_compares(cluster):
            secret = cluster.get("Secret", "door", "{namespace}")
            password = base64.b64decode(secret["data"]["password"]).decode()
            assert password == "battery-staple", f"The password is {{password}}"

        @check("breaks")
        def test_breaks(cluster):
            raise ValueError(cluster.get("Secret", "door", "{namespace}")["data"])
        """,
        compares=5, breaks=5,
    )  # fmt: skip

    report = grade(make_job(lab))

    assert report.results[0].message == "The password is (secret)"
    assert "correct-horse" not in str(report)
    assert "Y29ycmVjdC1ob3JzZQ==" not in str(report)


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
        monkeypatch.setattr(runner, "turn", lambda file: turns.turn(file, seconds=0.2))

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
    monkeypatch.setattr(sys, "executable", "/nothing/of/this/name")

    (result,) = grade(job).results

    assert result.outcome is Outcome.ERROR
    assert result.message.startswith("This host could not start the grader: No such file")


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
