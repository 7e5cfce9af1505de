"""Processes of this host that belong to a kind cluster, started after its nodes.

Each is found again by the mark in its environment, dies with the cluster, and is a component of it:
one that ended makes the cluster degraded, and `create` starts it again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clusters.providers.embedded import processes
from clusters.providers.embedded.folder import ClusterFolder, Record
from clusters.providers.embedded.processes import Running
from clusters.providers.kind import audit_shipper
from clusters.providers.kind.dra_driver import DRIVER, driver_command, has_devices
from clusters.providers.kind.layout import spool


@dataclass(frozen=True)
class HostService:
    """One process beside the nodes."""

    name: str
    """Of the component; no node of an inventory can have it, since it holds a dot."""
    command: Callable[[ClusterFolder, Record], list[str]]
    """Program and arguments; its working folder is that of the cluster. No secrets here: they
    lie in the folder."""
    wanted: Callable[[Record], bool] = lambda record: True
    """Whether a cluster needs it."""


def _audit(folder: ClusterFolder, record: Record) -> list[str]:
    program = str(Path(audit_shipper.__file__).resolve())
    return [sys.executable, "-I", "-S", program, str(spool(folder)), str(folder.audit_log.parent)]


AUDIT = HostService("audit.shipper", _audit)
DEVICES = HostService(DRIVER, driver_command, has_devices)
SERVICES: tuple[HostService, ...] = (AUDIT, DEVICES)
"""Every service, in the order in which they start."""


def services_of(record: Record) -> list[HostService]:
    """Return the services that a cluster needs."""
    return [service for service in SERVICES if service.wanted(record)]


def start_services(folder: ClusterFolder, record: Record, running: Running) -> None:
    """Start what does not run yet."""
    for service in services_of(record):
        if service.name not in running:
            processes.start_detached(
                service.name,
                service.command(folder, record),
                folder.path,
                folder.log(service.name),
                {},
            )
