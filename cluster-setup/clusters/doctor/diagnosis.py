"""Diagnosis: every finding on this host, and what each provider can do with them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from typing import Any, TypeVar

from clusters.doctor import gpus, hardware, host, isolation, model_server
from clusters.doctor.finding import Finding, State
from clusters.home import cache_path, home_path
from clusters.provider import DEFAULT_PROVIDER, ENTRY_POINTS, provider_named

T = TypeVar("T")
Probe = Callable[[], Finding]
_PATIENCE = 15.0
"""Seconds for all probes together; those that hang are reported as such."""
PLANNED = {"kubernetes": "hosted control planes on a Kubernetes that you have"}
"""Providers of the design that this version does not have, and what they will bring."""


@dataclass(frozen=True)
class ProviderDiagnosis:
    """What one provider can do here."""

    name: str
    installed: bool
    capabilities: tuple[str, ...] = ()
    """What its clusters offer."""
    lacks: tuple[str, ...] = ()
    """What this host lacks for it, a sentence each that says how to get it."""

    @property
    def ready(self) -> bool:
        """It can make a cluster now."""
        return self.installed and not self.lacks

    def to_json(self) -> dict[str, Any]:
        """Return the diagnosis as JSON."""
        return {
            "name": self.name,
            "installed": self.installed,
            "ready": self.ready,
            "capabilities": list(self.capabilities),
            "lacks": list(self.lacks),
        }


@dataclass(frozen=True)
class Diagnosis:
    """What this host can do."""

    provider: str
    """Name of the provider that the verdict is about."""
    findings: tuple[Finding, ...]
    providers: tuple[ProviderDiagnosis, ...]
    assurance: str
    """The best assurance of an attempt here: `practice` or `isolated`."""

    @property
    def ready(self) -> bool:
        """The chosen provider can make a cluster now."""
        return any(known.ready for known in self.providers if known.name == self.provider)

    def to_json(self) -> dict[str, Any]:
        """Return the diagnosis as JSON."""
        return {
            "ready": self.ready,
            "provider": self.provider,
            "assurance": self.assurance,
            "findings": [finding.to_json() for finding in self.findings],
            "providers": [known.to_json() for known in self.providers],
        }


def diagnose(provider: str = DEFAULT_PROVIDER) -> Diagnosis:
    """Look at this host with every probe, side by side, and ask every provider.

    Args:
        provider: the one that the verdict is about.

    Raises:
        NotFound: no installed package registers it.
    """
    provider_named(provider)
    installed = {point.name for point in entry_points(group=ENTRY_POINTS)}
    asked = run_side_by_side({name: partial(_ask, name) for name in installed}, _PATIENCE)
    providers = [_diagnosed(name, asked[name]) for name in sorted(installed)]
    planned = [ProviderDiagnosis(name, installed=False) for name in set(PLANNED) - installed]
    findings = probe_all(_probes(), _PATIENCE)
    accounts = next(finding for finding in findings if finding.name == isolation.ACCOUNTS)
    return Diagnosis(
        provider, tuple(findings), (*providers, *planned), isolation.assurance(accounts)
    )


def probe_all(probes: Mapping[str, Probe], seconds: float) -> list[Finding]:
    """Run probes; one that hangs or breaks is a finding like any other.

    Args:
        probes: by the name of their finding.
        seconds: how long all of them may take.
    """
    seen = run_side_by_side(probes, seconds)
    return [
        Finding(name, State.WARN, f"could not be looked at: {result}")
        if isinstance(result, Exception)
        else result
        for name, result in seen.items()
    ]


def run_side_by_side(
    tasks: Mapping[str, Callable[[], T]], seconds: float
) -> dict[str, T | Exception]:
    """Run every task in a thread of its own and return what each came to, in their order.

    Args:
        tasks: by name.
        seconds: how long all of them may take; one that takes longer comes to a TimeoutError.
    """
    late = TimeoutError(f"no answer in {seconds:g} s")
    results: dict[str, T | Exception] = dict.fromkeys(tasks, late)

    def run(name: str, task: Callable[[], T]) -> None:
        try:
            results[name] = task()
        except Exception as error:  # a doctor whose probe falls ill still reports
            results[name] = error

    threads = [threading.Thread(target=run, args=task, daemon=True) for task in tasks.items()]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    return dict(results)


def _ask(name: str) -> ProviderDiagnosis:
    provider = provider_named(name)
    offers = tuple(sorted(capability.value for capability in provider.capabilities))
    return ProviderDiagnosis(name, True, offers, tuple(provider.preflight()))


def _diagnosed(name: str, asked: ProviderDiagnosis | Exception) -> ProviderDiagnosis:
    if isinstance(asked, ProviderDiagnosis):
        return asked
    return ProviderDiagnosis(name, installed=True, lacks=(f"it could not be asked: {asked}",))


def _probes() -> dict[str, Probe]:
    return {
        "Python": host.probe_python,
        "Node.js": host.probe_node,
        "Go": host.probe_go,
        "Binaries": host.probe_binaries,
        "Disk for state": lambda: host.probe_disk("Disk for state", home_path(), "ASSAY_HOME"),
        "Disk for cache": lambda: host.probe_disk("Disk for cache", cache_path(), "ASSAY_CACHE"),
        "Memory": host.probe_memory,
        "Cores": host.probe_cores,
        f"Port {host.PORT}": host.probe_port,
        "Network namespaces": isolation.probe_namespaces,
        "Networks of clusters": isolation.probe_cluster_networks,
        isolation.ACCOUNTS: isolation.probe_accounts,
        model_server.NAME: model_server.probe_vllm,
        "Docker": hardware.probe_docker,
        "Control groups": hardware.probe_cgroups,
        "CAP_SYS_RESOURCE": hardware.probe_capability,
        hardware.NODE_IMAGE: hardware.probe_node_image,
        "NVIDIA GPUs": hardware.probe_gpus,
        gpus.NAME: gpus.probe_gpus_for_nodes,
    }
