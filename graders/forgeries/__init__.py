"""Forgeries: ways to be called done without doing it, which every lab has to withstand.

`forgeries()` is the catalogue; `attempt_forgery` tries one of them on a cluster.
"""

from graders.forgeries.attempt import ForgeryResult, Scene, attempt_forgery
from graders.forgeries.catalogue import forgeries
from graders.forgeries.forgery import Family, Forgery, State
from graders.forgeries.work import Work, read_work

__all__ = [
    "Family",
    "Forgery",
    "ForgeryResult",
    "Scene",
    "State",
    "Work",
    "attempt_forgery",
    "forgeries",
    "read_work",
]
