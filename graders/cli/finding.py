"""What the commands about attempts share: finding an attempt, its lab and a task of it."""

from __future__ import annotations

from clusters.errors import InputInvalid, NotFound
from graders.catalogue import find_lab
from graders.ledger import Attempt, Ledger

SHOWN = 8
"""Characters of an id in a table; any beginning that is unique names an attempt."""


def find_attempt(ledger: Ledger, id: str) -> Attempt:
    """Return the attempt with this id, or the only one whose id begins so.

    Raises:
        NotFound: there is none, or there are several.
    """
    found = [entry for entry in ledger.attempts() if entry.id.startswith(id)]
    if len(found) > 1:
        raise NotFound(f"{len(found)} attempts begin with {id!r}; give more of the id")
    return found[0] if found else ledger.attempt(id)


def require_task(ledger: Ledger, attempt: Attempt, task: str) -> None:
    """Refuse a task that neither the lab nor any report of the attempt knows.

    Raises:
        InputInvalid: naming the tasks there are.
    """
    try:
        known = list(find_lab(attempt.lab).task_ids)
    except (NotFound, InputInvalid):
        known = list(ledger.progress(attempt.id))
    if task not in known:
        raise InputInvalid([f"{attempt.lab} has no task {task!r}; it has {', '.join(known)}"])
