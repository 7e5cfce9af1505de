"""Isolation: whether each learner's notebook runs under an account of its own.

isolated   the hub runs as root, and other accounts can read the interpreter, the packages and
           kubectl: every learner gets a uid of their own
practice   anything else: notebooks share the platform's account, so a learner at a terminal
           could read the platform's files. Good for practice; a credential says so.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FIRST_UID = 700_000
"""Accounts of learners are this plus their number at the hub: far from those of the machine and
from the ranges of user namespaces (subuid)."""


KEPT_ENVIRONMENT = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
"""What a notebook gets of the platform's environment; some interpreters need the last."""
_TRIAL = "import hub.workspace, jupyterhub.singleuser, jupyterlab"
_TRIAL_SECONDS = 60


@dataclass(frozen=True)
class Isolation:
    """How notebooks are kept apart here, and why not better."""

    assurance: Literal["practice", "isolated"]
    reason: str = ""
    """One sentence; empty when isolated."""

    @property
    def isolated(self) -> bool:
        """Whether every learner has a uid of their own."""
        return self.assurance == "isolated"


def assess_isolation(
    needed: Iterable[Path], trial: Callable[[], str], uid: int | None = None
) -> Isolation:
    """Say how notebooks are kept apart on this host.

    Args:
        needed: what a notebook must be able to read.
        trial: does what a notebook does as another account and returns what went wrong, since a
            readable interpreter may still need a library that is not.
        uid: the platform's account, that of this process by default.
    """
    if (os.geteuid() if uid is None else uid) != 0:
        return Isolation("practice", "the platform does not run as root")
    for path in needed:
        if (obstacle := obstacle_for_others(path)) is not None:
            return Isolation("practice", f"other accounts cannot read {obstacle}")
    if problem := trial():
        return Isolation("practice", f"another account cannot run a notebook: {problem}")
    return Isolation("isolated")


def run_as_another() -> str:
    """Load what a notebook server loads, as an account of a learner.

    Returns:
        The last line of what went wrong; empty when all went well.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _TRIAL],
            env=kept_environment(),
            cwd="/",
            user=FIRST_UID,
            group=FIRST_UID,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or ["it said nothing"])[-1]


def kept_environment() -> dict[str, str]:
    """Return all that a learner's process gets of the platform's environment."""
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    return {"PATH": os.defpath, "HOME": "/nonexistent", **kept}


def obstacle_for_others(path: Path) -> Path | None:
    """Return the first file or folder on the way that keeps other accounts from reading `path`.

    Links are followed, because a virtual environment's interpreter is one.
    """
    target = path.resolve()
    for folder in reversed(target.parents):
        if not _mode(folder) & stat.S_IXOTH:
            return folder
    wanted = stat.S_IROTH | (stat.S_IXOTH if target.is_dir() else 0)
    return None if _mode(target) & wanted == wanted else target


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0
