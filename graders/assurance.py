"""Assurance: how far a verdict can be trusted, decided from what is true on this host.

`practice` means that the learner's programs run as the account that holds the grader's credential
and the signing key, so they could read both. `isolated` means that they cannot. It stands in the
credential, so it is never asserted, only found out.
"""

from __future__ import annotations

import os
import pwd
import stat
from enum import StrEnum
from pathlib import Path


class Assurance(StrEnum):
    """How far the learner is kept away from what decides a verdict."""

    PRACTICE = "practice"
    """The learner's programs share the platform's machine account."""
    ISOLATED = "isolated"
    """They run as another account that can read neither keys nor the grader's credential."""
    PROCTORED = "proctored"
    """Isolated, and in exam mode."""


def decide_assurance(account: str | None, home: Path) -> Assurance:
    """Return the assurance of an attempt whose learner's programs run as a machine account.

    Args:
        account: name of that account; None when it is the account of this process.
        home: state folder of the installation, with the keys and the clusters.
    """
    if account is None:
        return Assurance.PRACTICE
    try:
        learner = pwd.getpwnam(account)
    except KeyError:
        return Assurance.PRACTICE
    shared = learner.pw_uid in (0, os.geteuid(), home.stat().st_uid)
    reachable = stat.S_IMODE(home.stat().st_mode) & 0o077
    return Assurance.PRACTICE if shared or reachable else Assurance.ISOLATED
