from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from graders.rehearsal.steps import StepFailed, learner_environment, run_step


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return learner_environment(tmp_path / "kubeconfig", tmp_path / "bin" / "kubectl", home)


def script(folder: Path, text: str) -> Path:
    path = folder / "step.sh"
    path.write_text(text)
    return path


def test_a_step_sees_what_a_learner_sees_and_nothing_of_ours(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_DATABASE_URL", "postgresql://secret")

    run_step(script(tmp_path, "env > seen; pwd > where"), environment)

    home = Path(environment["HOME"])
    names = {line.partition("=")[0] for line in (home / "seen").read_text().splitlines()}
    assert names - {"PWD", "SHLVL", "_"} == {"HOME", "KUBECONFIG", "LANG", "PATH"}
    assert (home / "where").read_text().strip() == str(home)
    programs = environment["PATH"].split(":")
    assert programs[:2] == [str(tmp_path / "bin"), str(Path(sys.executable).parent)]


def test_a_failing_step_shows_the_end_of_its_output(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    step = script(tmp_path, "seq 1 1000000; echo the reason >&2; exit 7")

    with pytest.raises(StepFailed) as caught:
        run_step(step, environment)

    sentence = str(caught.value)
    assert sentence.startswith(f"{step} ended with 7:\n")
    assert sentence.endswith("1000000\nthe reason")
    assert len(sentence) < 5000


def test_a_silent_failure_is_told(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(StepFailed, match="ended with 1 and printed nothing"):
        run_step(script(tmp_path, "false"), environment)


def test_a_step_that_hangs_is_killed_with_what_it_started(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    step = script(tmp_path, "sleep 300 & echo $! > child; wait")

    with pytest.raises(StepFailed, match="took longer than 1 s"):
        run_step(step, environment, seconds=1)

    child = int((Path(environment["HOME"]) / "child").read_text())
    assert not _runs(child)


def test_what_a_step_leaves_in_the_background_is_killed(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    run_step(script(tmp_path, "sleep 300 & echo $! > child"), environment)

    assert not _runs(int((Path(environment["HOME"]) / "child").read_text()))


def _runs(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        process.wait(10)
    except psutil.NoSuchProcess:
        return False
    except psutil.TimeoutExpired:
        return process.status() != psutil.STATUS_ZOMBIE
    return False
