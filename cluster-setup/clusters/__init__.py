"""Clusters: specs, providers, accelerators and the binaries they need."""
