"""Capability: what a lab asks for and a provider offers."""

from __future__ import annotations

from enum import StrEnum


class Capability(StrEnum):
    """What a lab may ask for and a provider may offer."""

    SCHEDULING = "scheduling"
    """Real API server, scheduler and DRA allocation."""
    CONTAINERS = "containers"
    """Pods are containers started by a kubelet."""
    NETWORKING = "networking"
    """Pod addresses and Services carry traffic."""
    INFERENCE = "inference"
    """Model servers answer behind Pods."""
    GPU = "gpu"
    """Devices are hardware."""
