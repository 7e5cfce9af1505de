"""Whether this host's GPUs can be given to nodes, and what is missing for it."""

from __future__ import annotations

from clusters.accelerators.gpus import (
    NOT_RUN_ON_HARDWARE,
    HostGpus,
    Toolkit,
    gpu_problems,
    host_gpus,
    installed_toolkit,
)
from clusters.doctor.finding import Finding, Group, State

NAME = "GPUs for nodes"


def probe_gpus_for_nodes() -> Finding:
    """Look whether containers of `kind` can be given this host's GPUs."""
    host = host_gpus()
    return describe(host, installed_toolkit() if host.gpus else Toolkit())


def describe(host: HostGpus, toolkit: Toolkit) -> Finding:
    """Say what was found; a host without GPUs has nothing to mend, since labs simulate them."""
    if not host.gpus:
        found = f"none ({host.reason}); labs simulate them"
        return Finding(NAME, State.OK, found, group=Group.CONTAINERS)
    models = ", ".join(sorted({gpu.model for gpu in host.gpus}))
    found = f"{len(host.gpus)} ({models}), driver {host.driver}"
    if problems := gpu_problems(host, toolkit):
        fix = "; ".join(problems)
        fix = f"{fix[0].upper()}{fix[1:]}."
        return Finding(NAME, State.WARN, f"{found}, not ready", fix, Group.CONTAINERS)
    return Finding(NAME, State.OK, f"{found}; {NOT_RUN_ON_HARDWARE}", group=Group.CONTAINERS)
