"""The binaries that clusters are made of: pinned, downloaded and verified, or built."""

from clusters.binaries.resolve import (
    Policy,
    Resolved,
    Resolver,
    binaries_present,
    ensure_binaries,
    resolver,
)

__all__ = [
    "Policy",
    "Resolved",
    "Resolver",
    "binaries_present",
    "ensure_binaries",
    "resolver",
]
