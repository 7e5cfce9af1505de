"""Steps: runs the script of a solution or mutant as a learner would, at a terminal of the lab."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from clusters.errors import AssayError

STEP_SECONDS = 120
"""Time limit of one step."""
_LOOK_SECONDS = 0.25
_OUTPUT_LIMIT = 4000
"""Characters of a failing step's output that its author sees; the end of it."""


class StepFailed(AssayError):
    """A step ended with an error or took too long; carries the end of its output."""


def learner_environment(kubeconfig: Path, kubectl: Path, home: Path) -> dict[str, str]:
    """Return the environment of a learner's terminal: nothing of ours, no parameters.

    Args:
        kubeconfig: the learner's credential.
        kubectl: the program.
        home: an empty folder.
    """
    programs = [str(kubectl.parent), str(Path(sys.executable).parent), "/usr/local/bin"]
    return {
        "HOME": str(home),
        "KUBECONFIG": str(kubeconfig),
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join([*programs, "/usr/bin", "/bin"]),
    }


def run_step(
    script: Path,
    environment: Mapping[str, str],
    seconds: float = STEP_SECONDS,
    *,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Run one script with bash in the folder `HOME` of its environment.

    Args:
        script: what is run.
        environment: all that it sees.
        seconds: time limit.
        is_over: asked now and then; once it holds the script is killed like one that took too long.

    Raises:
        StepFailed: it ended with an error or took too long; whatever it started is killed.
    """
    folder = Path(environment["HOME"])
    output = folder / ".output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["bash", script.resolve()],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = _wait(process, seconds, is_over)
        except subprocess.TimeoutExpired:
            raise StepFailed(f"{script} took longer than {seconds:.0f} s{_end(output)}") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code != 0:
        raise StepFailed(f"{script} ended with {code}{_end(output)}")


def _wait(process: subprocess.Popen[bytes], seconds: float, is_over: Callable[[], bool]) -> int:
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        try:
            return process.wait(min(_LOOK_SECONDS, max(left, 0.0)))
        except subprocess.TimeoutExpired:
            if left <= 0 or is_over():
                raise


def _end(output: Path) -> str:
    text = output.read_bytes()[-4 * _OUTPUT_LIMIT :].decode(errors="replace").strip()
    return f":\n{text[-_OUTPUT_LIMIT:]}" if text else " and printed nothing"
