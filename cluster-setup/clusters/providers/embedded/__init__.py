"""The embedded provider: a real control plane as processes of this host, with simulated nodes."""

from clusters.providers.embedded.provider import EmbeddedProvider

__all__ = ["EmbeddedProvider"]
