"""What a check must not do: each is really done, and is never a pass nor a lost Report."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from graders import grading
from graders.lab import Lab
from graders.report import Outcome, Report
from graders.runner import GradingJob, grade

pytestmark = pytest.mark.cluster

WriteLab = Callable[..., Lab]
MakeJob = Callable[..., GradingJob]


# Each by a check of its own, of which the next must know nothing.

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
    "forks past Python and lets the copy hang": (
        "left a thread or a process",
        "if ctypes.CDLL(None).fork() == 0: time.sleep(1000)",
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
        lines += [f'@check("bad-{number}")', f"def test_bad_{number}(cluster):"]
        lines += ["    cluster.get('Namespace', 'default')"]
        lines += [textwrap.indent(textwrap.dedent(body), "    ")]
    lines += ['@check("innocent")', "def test_innocent(cluster):", "    cluster.list('Node')"]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the workers of this module have their folders; it is in their environment."""
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def misbehaved(write_lab: WriteLab, make_job: MakeJob, folder: Path) -> Report:
    """The report about every bad check, one after the other, and an innocent one at the end."""
    bad = {f"bad_{number}": 2 for number in range(len(MISBEHAVIOUR))}
    lab = write_lab(_source(), **bad, innocent=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grading, "GRACE_SECONDS", 1.0)
        patch.setattr(tempfile, "tempdir", str(folder))
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


def test_a_check_that_takes_too_long_is_interrupted_and_may_clean_up(misbehaved: Report) -> None:
    hangs = misbehaved.results[list(MISBEHAVIOUR).index("hangs")]

    assert hangs.seconds > 1.9, "it was killed instead"
    assert hangs.evidence


def test_nothing_that_a_bad_check_started_lives_on(misbehaved: Report, folder: Path) -> None:
    assert misbehaved.results

    left = [process for process in psutil.process_iter() if str(folder) in _environment(process)]

    assert left == []
    assert ["sleep", "1000"] not in [p.info["cmdline"] for p in psutil.process_iter(["cmdline"])]
    assert list(folder.iterdir()) == []


def _environment(process: psutil.Process) -> str:
    try:
        return str(process.environ())
    except psutil.Error:
        return ""
