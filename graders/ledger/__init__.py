"""Ledger: what every learner attempted and what was found, never changed, signed."""

from graders.ledger.attempt import Attempt
from graders.ledger.database import LedgerAway, LedgerError, database_url
from graders.ledger.export import export_attempt
from graders.ledger.ledger import Ledger, open_ledger
from graders.ledger.progress import TaskProgress
from graders.ledger.tables import LEARNER_LIMIT, LIVE_STATES, AttemptState, timestamp

__all__ = [
    "LEARNER_LIMIT",
    "LIVE_STATES",
    "Attempt",
    "AttemptState",
    "Ledger",
    "LedgerAway",
    "LedgerError",
    "TaskProgress",
    "database_url",
    "export_attempt",
    "open_ledger",
    "timestamp",
]
