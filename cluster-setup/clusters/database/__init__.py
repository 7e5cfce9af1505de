"""Database: where an installation remembers what must outlive its processes."""

from clusters.database.connection import (
    BUSY_SECONDS,
    READ_ONLY,
    DatabaseAway,
    DatabaseError,
    connect,
    database_url,
    migrate,
    unusable,
)
from clusters.database.sessions import Sessions

__all__ = [
    "BUSY_SECONDS",
    "READ_ONLY",
    "DatabaseAway",
    "DatabaseError",
    "Sessions",
    "connect",
    "database_url",
    "migrate",
    "unusable",
]
