"""The plugin: which checks it runs, what they have, and which labs are wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest

from graders.lab import Lab
from graders.report import Outcome
from graders.runner import GradingJob, grade
from graders.workers import process as worker_process
from graders.workers.pool import the_pool

pytestmark = pytest.mark.cluster

WriteLab = Callable[..., Lab]
MakeJob = Callable[..., GradingJob]


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


def test_a_check_may_import_its_neighbours(write_lab: WriteLab, make_job: MakeJob) -> None:
    lab = write_lab(
        """
        from graders import check
        from places import NODE

        @check("one")
        def test_one(cluster): cluster.get("Node", NODE)
        """,
        files={"places.py": "NODE = 'gpu-node-0'"},
        one=5,
    )

    assert grade(make_job(lab)).passed


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
    write_lab: WriteLab, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_pool().close()  # so that what is set here could be inherited
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
            assert os.listdir(".") == []
            assert os.getcwd() == os.environ["HOME"]
            assert os.getsid(0) == os.getpid()
        """,
        looks=5,
    )

    (result,) = grade(make_job(lab)).results

    assert result.outcome is Outcome.PASSED, result.message
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a worker that is ending, or a zombie
            assert "swordfish" not in str((process.environ(), process.cmdline()))


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


def test_a_task_that_must_hold_fails_when_what_it_saw_goes_away_and_comes_back(
    write_lab: WriteLab, make_job: MakeJob
) -> None:
    lab = write_lab(
        """
        import time
        from graders import check, expect

        @check("steady")
        def test_steady(cluster): cluster.list("Node")

        @check("flapping")
        def test_flapping(cluster):
            cluster.list("Node")
            test_flapping.looks = getattr(test_flapping, "looks", 0) + 1
            expect(test_flapping.looks != 3, "The Node is away", found="nothing", hint="look")

        @check("late")
        def test_late():
            test_late.begun = getattr(test_late, "begun", time.monotonic())
            expect(time.monotonic() > test_late.begun + 1, "Too early")
        """,
        timings={
            "steady": {"mode": "hold", "hold": 2},
            "flapping": {"mode": "hold", "hold": 20},
            "late": {"mode": "converge", "within": 10},
        },
        steady=2, flapping=2, late=1,
    )  # fmt: skip

    steady, flapping, late = grade(make_job(lab)).results

    assert (steady.outcome, late.outcome) == (Outcome.PASSED, Outcome.PASSED)
    assert 2 <= steady.seconds < 4
    assert len([e for e in steady.evidence if e["kind"] == "NodeList"]) == 1
    assert flapping.outcome is Outcome.FAILED
    assert flapping.seconds < 10
    assert flapping.message.startswith("It was done but did not stay so")
    assert (flapping.found, flapping.hint) == ("nothing", "look")
