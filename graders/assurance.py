"""Assurance: how far a verdict can be trusted, decided by who starts the notebook.

`practice` means that the learner's programs run as the account that holds the grader's credential
and the signing key, so they could read both. `isolated` means that they cannot. It stands in the
credential, so it is never asserted, only found out.
"""

from __future__ import annotations

from enum import StrEnum


class Assurance(StrEnum):
    """How far the learner is kept away from what decides a verdict."""

    PRACTICE = "practice"
    """The learner's programs share the platform's machine account."""
    ISOLATED = "isolated"
    """They run as another account that can read neither keys nor the grader's credential."""
    PROCTORED = "proctored"
    """Isolated, and in exam mode."""
