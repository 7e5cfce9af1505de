"""Cluster providers, each registered by an entry point of the group `assay.cluster_providers`."""
