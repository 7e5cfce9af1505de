"""Attempts: a learner starts a lab, has it checked, finishes it; faults are put right.

What must be true at any moment, whoever is killed:

- The row of an attempt is in the ledger before its cluster exists, and names the cluster.
- An attempt is started under a file lock that the kernel frees when its holder dies. A starting
  attempt whose lock is free was therefore interrupted.
- An attempt ends in the ledger first; a cluster whose attempt is not live is an orphan.

So putting right needs no memory of its own: it compares the ledger with the running clusters.
"""

from clusters.broker import CapacityExhausted
from graders.attempts.attempts import Attempts
from graders.attempts.checkpoints import Checkpoint, NotReset
from graders.attempts.extending import NotExtended
from graders.attempts.rules import AttemptEnded, CapabilityMissing

__all__ = [
    "AttemptEnded",
    "Attempts",
    "CapabilityMissing",
    "CapacityExhausted",
    "Checkpoint",
    "NotExtended",
    "NotReset",
]
