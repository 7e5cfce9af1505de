"""The kind provider: a real cluster of containers, each of which is a node."""

from clusters.providers.kind.provider import KindProvider

__all__ = ["KindProvider"]
