"""Unseen devices: a node of the grader's own, with devices that nobody has seen before.

Only the grader's probes can have them, so what a claim is given there depends on nothing but the
claim, and however many devices of the lab are in use does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from graders import waiting
from graders.checks import CheckFailed
from graders.dra.hindrance import hindrance
from graders.dra.inventory import Inventory
from graders.dra.scheduling import (
    confirm_refusal,
    expect_chosen_by_scheduler,
    is_refused,
    results_of,
)
from graders.dra.undisturbed import classes_of, expect_undisturbed
from graders.errors import GradingError
from graders.probes import Probe
from graders.view import ClusterView

ANSWER_SECONDS = 10.0
"""How long the scheduler may take to decide about one probe; usually it takes 0.1 s."""
_UNDECIDED = "The scheduler did not decide about a probe"
_UNCLAIMED = "The grader cannot claim its own devices"
_EVERY_TAINT = [{"operator": "Exists", "effect": effect} for effect in ("NoSchedule", "NoExecute")]
"""The scheduler takes no effect for every effect; who evicts wants to see NoExecute (1.37)."""
_IMAGE = "registry.k8s.io/pause:3.10"
_DRA = "resource.k8s.io/v1"
_NAMESPACE = "default"
"""Where the probes are: it exists in every cluster and, unlike one of our own, need not go again,
which would take five seconds."""

Object = Mapping[str, Any]


@dataclass(frozen=True)
class UnseenDevice:
    """A device that is published for a moment."""

    name: str
    """What it stands for, in the words of the check; the cluster sees a random name."""
    memory: str
    """Capacity `memory`, a quantity."""
    driver_version: str = "999.0.0"
    """Attribute `driverVersion`, a semantic version."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """More attributes, as in a ResourceSlice; one that is named here replaces the usual one."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else a ResourceSlice says of a device, such as taints; replaces what is said without."""


@dataclass(frozen=True)
class UnseenNode:
    """The node, while its devices are there to be claimed."""

    cluster: ClusterView
    inventory: Inventory
    node: str
    names: Mapping[str, str]
    """What the cluster calls each device."""
    place: Probe
    """The node itself, and the slice of its devices."""
    claims: set[str] = field(default_factory=set)
    """uids of the claims that were made here."""
    classes: set[str] = field(default_factory=set)
    """DeviceClasses that were asked for."""

    def expect_undisturbed(self) -> None:
        """Make sure that nobody changed what was to be had here, up to now.

        Raises:
            GradingError: somebody did, or the audit log does not say.
        """
        expect_undisturbed(self.cluster, self.place, self.claims, self.classes)

    @contextmanager
    def claim(self, spec: Object) -> Iterator[frozenset[str]]:
        """Claim by this spec; yields the names of what was given, none when refused.

        Raises:
            CheckFailed: it was given a device of somebody else.
            GradingError: the scheduler does not decide, or something interferes with the probe.
        """
        with self._ask(spec) as probe:
            self._await(probe, lambda: _is_decided(probe), _UNDECIDED)
            yield self._given(probe)

    @contextmanager
    def hold(self, names: Sequence[str], *, whatever_taints: bool = False) -> Iterator[None]:
        """Claim exactly these devices.

        Args:
            names: of the devices.
            whatever_taints: also where the check has published them with taints.

        Raises:
            GradingError: the scheduler does not give them, although nobody can have them.
        """
        with self._ask(self._spec_for(names, whatever_taints)) as probe:
            self._await(probe, lambda: results_of(probe.read()), _UNCLAIMED)
            yield

    def _await(self, probe: Probe, condition: Callable[[], object], otherwise: str) -> None:
        """Wait for something that is not the learner's to bring about.

        Raises:
            GradingError: it did not come in time; says what was in the way.
        """
        try:
            waiting.wait_until(condition, ANSWER_SECONDS, otherwise)
        except CheckFailed as failed:
            self.expect_undisturbed()  # who laid hands on the node says more than the scheduler
            raise GradingError(f"{otherwise}: {hindrance(self.cluster, probe.read(1))}") from failed

    def _given(self, probe: Probe) -> frozenset[str]:
        claim, pod = probe.read(0), probe.read(1)
        if not results_of(claim):
            confirm_refusal(self.cluster, pod)
            return frozenset()
        expect_chosen_by_scheduler(self.cluster, claim, pod)
        called = {f"{self.inventory['driver']}/{self.node}/{v}": k for k, v in self.names.items()}
        given = {result.device for result in results_of(claim)}
        if strangers := sorted(given - called.keys()):
            raise CheckFailed(
                "A claim like yours takes devices that belong to no node",
                expected="devices of the node that the Pod is on",
                found=", ".join(strangers),
                hint="kubectl get resourceslices: which of them are the platform's?",
            )
        return frozenset(called[device] for device in given)

    @contextmanager
    def _ask(self, spec: Object) -> Iterator[Probe]:
        claim = self.cluster.random_name()
        with self.cluster.create_probe(
            self._made("ResourceClaim", claim, spec, _DRA),
            self._made("Pod", self.cluster.random_name(), self._pod_spec(claim)),
        ) as probe:
            self.claims.add(probe.documents[0]["metadata"]["uid"])
            self.classes.update(classes_of(spec))
            yield probe

    def _made(self, kind: str, name: str, spec: Object, api: str = "v1") -> dict[str, Any]:
        metadata = {"name": name, "namespace": _NAMESPACE}
        return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": dict(spec)}

    def _pod_spec(self, claim: str) -> dict[str, Any]:
        here = {"key": "metadata.name", "operator": "In", "values": [self.node]}
        terms = {"nodeSelectorTerms": [{"matchFields": [here]}]}
        return {
            "containers": [
                {"name": "probe", "image": _IMAGE, "resources": {"claims": [{"name": "devices"}]}}
            ],
            "resourceClaims": [{"name": "devices", "resourceClaimName": claim}],
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}},
            "tolerations": [{"operator": "Exists"}],
        }

    def _spec_for(self, names: Sequence[str], whatever_taints: bool) -> dict[str, Any]:
        driver = self.inventory["driver"]
        tolerated = {"tolerations": _EVERY_TAINT} if whatever_taints else {}
        return {
            "devices": {
                "requests": [
                    {
                        "name": f"r{number}",
                        "exactly": {
                            "deviceClassName": self.inventory["class"]["name"],
                            "selectors": [_cel(driver, self.names[name])],
                            **tolerated,
                        },
                    }
                    for number, name in enumerate(names)
                ]
            }
        }


@contextmanager
def unseen_node(
    cluster: ClusterView, inventory: Inventory, devices: Sequence[UnseenDevice]
) -> Iterator[UnseenNode]:
    """Publish devices on a node of their own for as long as the `with` block runs.

    Raises:
        GradingError: they could not be published, or not be removed.
    """
    driver = inventory["driver"]
    node = cluster.random_name()
    names = {device.name: cluster.random_name() for device in devices}
    slice_spec = {
        "driver": driver,
        "nodeName": node,
        "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
        "devices": [_published(device, names[device.name]) for device in devices],
    }
    with cluster.create_probe(
        _node(node),
        {"apiVersion": _DRA, "kind": "ResourceSlice", "metadata": {}, "spec": slice_spec},
    ) as place:
        yield UnseenNode(cluster, inventory, node, names, place)


def _node(name: str) -> dict[str, Any]:
    resources = {"cpu": "16", "memory": "64Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        # Nobody else's Pod may come here.
        "spec": {"taints": [{"key": "assay.dev/probe", "effect": "NoSchedule"}]},
        "status": {"capacity": resources, "allocatable": resources},
    }


def _published(device: UnseenDevice, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "attributes": {
            "uuid": {"string": name},
            "model": {"string": name},
            "driverVersion": {"version": device.driver_version},
            "numaNode": {"int": 0},
            **device.attributes,
        },
        "capacity": {"memory": {"value": device.memory}},
        **device.more,
    }


def _cel(driver: str, uuid: str) -> dict[str, Any]:
    # Devices of somebody else may lack the attribute, and a missing one would be an error.
    own = f"device.driver == '{driver}'"
    found = f"device.attributes['{driver}'].?uuid.orValue('')"
    return {"cel": {"expression": f"{own} && {found} == '{uuid}'"}}


def _is_decided(probe: Probe) -> bool:
    return bool(results_of(probe.read(0))) or is_refused(probe.read(1))
