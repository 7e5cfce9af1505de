"""Add-ons: what runs in a cluster beside Kubernetes, by name from a small catalogue of data."""

from clusters.addons.addon import AddOn
from clusters.addons.catalogue import catalogue, find_addon, with_needs

__all__ = ["AddOn", "catalogue", "find_addon", "with_needs"]
