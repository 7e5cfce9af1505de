"""Scopes: what a token of the hub allows at the proctor and on the site.

JupyterHub gives them to people by their role. A token carries the scopes that it was made with, so
that a notebook's token never does more than learn, whoever it belongs to.
"""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What somebody may do with labs."""

    LEARN = "custom:labs:learn"
    """Work on labs, see one's own attempts, appeal."""
    AUTHOR = "custom:labs:author"
    """See the work of all learners with its evidence, answer appeals, override; implies LEARN."""
    CERTIFY = "custom:labs:certify"
    """Read, verify and export what was signed; changes nothing."""
