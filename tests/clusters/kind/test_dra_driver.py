"""Real kubelets hand simulated devices to real containers, as the inventory says."""

from __future__ import annotations

import json
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from clusters.inventory import parse_inventory
from clusters.provider import Cluster, ClusterProvider, ClusterState, provider_named
from clusters.providers.kind import docker
from clusters.providers.kind.layout import kind_name
from clusters.spec import ClusterSpec
from tests.clusters.accelerators.desk import (
    DRA,
    DRIVER,
    NAMESPACE,
    PARTITIONS,
    PROFILES,
    Desk,
    desk_at,
    exactly,
    group,
    model,
    wait_until,
)

pytestmark = [pytest.mark.kind, pytest.mark.timeout(600)]
IMAGE = "docker.io/assay/busybox:1"
SHOW = "env; ls /dev/assay; cat /run/assay/devices/*; exec sleep 3600"
INVENTORY = parse_inventory(
    {
        "nodes": [
            {
                "name": "first",
                "devices": [
                    group("WHOLE", 2),
                    group("CUT", partitions={"slices": 7, "profiles": PROFILES}),
                    group("BROKEN", health="unhealthy"),
                    group("SHARED", sharing={"default": "20Gi", "min": "10Gi"}),
                ],
            },
        ]
    },
    "kind",
)


class Site:
    """A cluster of one node, and who looks at it."""

    def __init__(self, provider: ClusterProvider, spec: ClusterSpec) -> None:
        self.provider, self.spec = provider, spec
        self.cluster: Cluster = provider.create(spec)
        self.desk: Desk = desk_at(self.cluster.kubeconfig)
        self.folder = self.cluster.kubeconfig.parent

    def run(self, requests: list[dict[str, Any]]) -> str:
        """Run a Pod with a claim: one container has it, another has nothing."""
        name = f"n{secrets.token_hex(4)}"
        claim = {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaim",
            "metadata": {"name": name},
            "spec": {"devices": {"requests": requests}},
        }
        self.desk.post(f"{DRA}{NAMESPACE}/resourceclaims", claim)
        container = {"image": IMAGE, "imagePullPolicy": "Never", "command": ["sh", "-c", SHOW]}
        spec = {
            "terminationGracePeriodSeconds": 0,
            "resourceClaims": [{"name": "devices", "resourceClaimName": name}],
            "containers": [
                {"name": "has", **container, "resources": {"claims": [{"name": "devices"}]}},
                {"name": "has-not", **container},
            ],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        self.desk.post(f"/api/v1{NAMESPACE}/pods", pod)
        return name

    def seen(self, pod: str, container: str = "has") -> str:
        """Return what a container says about itself."""
        wait_until(lambda: self.desk.runs(pod), 180)
        path = f"/api/v1{NAMESPACE}/pods/{pod}/log"

        def said() -> str:
            answer = self.desk.api.get(path, params={"container": container})
            return answer.text if answer.is_success else ""

        wait_until(lambda: "PATH=" in said())
        return said()

    def devices_left(self) -> list[str]:
        """Return what lies in the folders of nodes and is no socket."""
        return [
            path.name
            for path in self.folder.glob("nodes/*/*/*")
            if path.is_file() and not path.is_socket()
        ]

    def driver(self) -> psutil.Process:
        """Return the driver's process."""
        found = self.provider.status(self.spec.name).components
        [pid] = [one.pid for one in found if one.name == "dra.driver"]
        return psutil.Process(pid)


@pytest.fixture(scope="module")
def site(assay_home: Path) -> Iterator[Site]:
    provider = provider_named("kind")
    if problems := provider.preflight():
        pytest.skip(f"kind: {'; '.join(problems)}")
    spec = ClusterSpec(f"dra-{secrets.token_hex(3)}", INVENTORY)
    try:
        site = Site(provider, spec)
        with site.desk.api:
            yield site
    finally:
        provider.delete(spec.name)


def test_a_container_has_what_was_claimed_and_its_neighbour_nothing(site: Site) -> None:
    pod = site.run(exactly(model("WHOLE")))

    seen = site.seen(pod)

    [result] = site.desk.results(pod)
    attributes = site.desk.device(result)["attributes"]
    device = result["device"]
    assert f"GPU_DEVICE_{device.removeprefix('gpu-')}={device}" in seen
    assert f"\n{device}\n" in seen
    assert f'"uuid": "{attributes["uuid"]["string"]}"' in seen
    nothing = site.seen(pod, "has-not")
    assert "GPU_DEVICE" not in nothing
    assert device not in nothing
    site.desk.release(pod)
    wait_until(lambda: not site.devices_left())


def test_parts_and_shares_are_seen_inside(site: Site) -> None:
    found = f"device.attributes['{DRIVER}'].profile == '3g.40gb'"
    part = {"deviceClassName": PARTITIONS, "selectors": [{"cel": {"expression": found}}]}
    shared = model("SHARED", capacity={"requests": {"memory": "30Gi"}})

    pods = [site.run(exactly(wanted)) for wanted in (part, shared, shared)]

    assert '"profile": "3g.40gb"' in site.seen(pods[0])
    for pod in pods[1:]:
        assert "GPU_DEVICE_4_MEMORY=30Gi" in site.seen(pod)
    for pod in pods:
        site.desk.release(pod)
    wait_until(lambda: not site.devices_left())


def test_the_status_of_a_pod_tells_the_health_of_its_devices(site: Site) -> None:
    tolerations = [{"key": f"{DRIVER}/unhealthy", "operator": "Exists"}]
    pod = site.run(exactly(model("BROKEN", tolerations=tolerations)))
    wait_until(lambda: site.desk.runs(pod), 180)

    wait_until(lambda: health_of(site.desk.pod(pod)) == {"Unhealthy"})

    (site.folder / "device-states.json").write_text(json.dumps({"first/gpu-3": "healthy"}))
    wait_until(lambda: health_of(site.desk.pod(pod)) == {"Healthy"})
    (site.folder / "device-states.json").unlink()
    site.desk.release(pod)


def health_of(pod: dict[str, Any]) -> set[str]:
    return {
        resource["health"]
        for container in pod["status"].get("containerStatuses", ())
        for status in container.get("allocatedResourcesStatus", ())
        for resource in status["resources"]
    }


def test_a_driver_that_is_killed_is_started_again_and_nothing_is_lost(site: Site) -> None:
    before = site.run(exactly(model("WHOLE")))
    site.seen(before)
    site.driver().send_signal(signal.SIGKILL)
    wait_until(lambda: site.provider.status(site.spec.name).state is ClusterState.DEGRADED)
    meanwhile = site.run(exactly(model("WHOLE")))

    site.provider.create(site.spec)

    assert "GPU_DEVICE_" in site.seen(meanwhile)
    for pod in (before, meanwhile):
        site.desk.release(pod)
    wait_until(lambda: not site.devices_left())


def test_devices_come_back_when_a_kubelet_starts_again(site: Site) -> None:
    path = f"{DRA}/resourceslices/first-{DRIVER}"
    before = site.desk.get(path)["metadata"]["uid"]
    node = next(
        one
        for one in docker.containers(kind_name(site.folder))
        if one.name.endswith("control-plane")
    )

    docker.docker("exec", node.id, "systemctl", "restart", "kubelet")

    def came_back() -> bool:
        answer = site.desk.api.get(path)
        return answer.is_success and answer.json()["metadata"]["uid"] != before

    wait_until(came_back, 120)
    pod = site.run(exactly(model("WHOLE")))
    assert "GPU_DEVICE_" in site.seen(pod)
    site.desk.release(pod)


def test_a_deleted_cluster_leaves_no_driver(assay_home: Path, site: Site) -> None:
    driver = site.driver()

    site.provider.delete(site.spec.name)

    assert not driver.is_running() or driver.status() == psutil.STATUS_ZOMBIE
    assert not site.folder.exists()
