"""Ledger: what every learner attempted and what was found, never changed, signed."""

from clusters.database import database_url
from graders.ledger.attempt import Attempt
from graders.ledger.errors import LedgerAway, LedgerError
from graders.ledger.export import export_attempt
from graders.ledger.ledger import Ledger, open_ledger
from graders.ledger.progress import TaskProgress
from graders.ledger.statements import (
    Answer,
    Appeal,
    AppealAnswered,
    AppealCase,
    AppealPending,
    Effect,
    Override,
)
from graders.ledger.tables import LEARNER_LIMIT, LIVE_STATES, AttemptState, timestamp

__all__ = [
    "LEARNER_LIMIT",
    "LIVE_STATES",
    "Answer",
    "Appeal",
    "AppealAnswered",
    "AppealCase",
    "AppealPending",
    "Attempt",
    "AttemptState",
    "Effect",
    "Ledger",
    "LedgerAway",
    "LedgerError",
    "Override",
    "TaskProgress",
    "database_url",
    "export_attempt",
    "open_ledger",
    "timestamp",
]
