"""The errors of the ledger: those of the database that holds it."""

from clusters.database import DatabaseAway as LedgerAway
from clusters.database import DatabaseError as LedgerError

__all__ = ["LedgerAway", "LedgerError"]
