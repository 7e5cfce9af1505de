"""The binaries that clusters are made of: pinned, fetched, verified, built."""

from clusters.binaries.resolve import binaries_present, ensure_binaries

__all__ = ["binaries_present", "ensure_binaries"]
