"""Digest of what a rehearsal proves: a card holds as long as none of it was changed."""

from graders.digests import lab_digest

__all__ = ["lab_digest"]
