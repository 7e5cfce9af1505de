"""Task: drain the failing GPU."""

from collections.abc import Mapping
from typing import Any

from taints import can_be_had, tolerating

from graders import ClusterView, Variant, check, expect
from graders.dra import expect_untouched, placement_of, running_pods_of

DRIVER = "gpu.assay.dev"
POOL = "gpu-node-a"
OTHER = "gpu-node-b"
EVICTION_SECONDS = 5
EVICTOR = "system:serviceaccount:kube-system:device-taint-eviction-controller"


@check("drain-the-device")
def test_the_device_was_drained_and_its_neighbours_were_not(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventories"][DRIVER]
    expect_untouched(cluster, inventory)
    failing = f"{DRIVER}/{POOL}/{variant['failing']}"
    _expect_tainted(cluster, variant, inventory["devices"][failing])
    namesake = f"{DRIVER}/{OTHER}/{variant['failing']}"
    expect(
        can_be_had(cluster, DRIVER, inventory["devices"][namesake]),
        f"The device of the same name in the pool {OTHER} is tainted as well",
        expected="a taint of the failing GPU alone",
        found=f"nobody gets {namesake} any more",
        hint="What a selector leaves out it does not restrict.",
    )
    _expect_others_stay(cluster, variant["serving"], baseline["chat"], failing)
    _expect_evicted(cluster, variant["serving"], baseline["chat"], failing)

    deployment = cluster.get("Deployment", variant["chat"], variant["serving"])
    pods = running_pods_of(cluster, deployment, deployment["spec"]["replicas"])
    placements = [placement_of(cluster, pod, variant["serving"], inventory) for pod in pods]
    devices = [device for placement in placements for device in placement.all_devices]
    expect(
        failing not in devices and len(set(devices)) == len(pods),
        f"The Pods of {variant['chat']} do not each have a healthy GPU",
        expected="one for each Pod, and not the failing one",
        found=", ".join(sorted(devices)),
        hint="Which device did the new Pod get?",
    )


def _expect_tainted(cluster: ClusterView, variant: Variant, device: dict[str, Any]) -> None:
    key = f"{variant['ops']}.example/failing"
    expect(
        not can_be_had(cluster, DRIVER, device),
        "The failing GPU can still be given to anybody",
        expected="only to claims that tolerate its taint",
        found="no taint that keeps claims away",
        hint="kubectl get devicetaintrules: does one select this device, by pool and name?",
    )
    expect(
        can_be_had(cluster, DRIVER, device, tolerating(key, "NoExecute")),
        "The failing GPU cannot be had by claims that tolerate its taint",
        expected=f"one taint, {key} with effect NoExecute",
        found="a taint of another key or effect, or one more",
        hint="kubectl get devicetaintrules --output yaml",
    )


def _expect_others_stay(
    cluster: ClusterView, namespace: str, chat: Mapping[str, Any], failing: str
) -> None:
    for name, before in chat.items():
        expect(
            before["device"] == failing or _is_there(cluster, name, namespace, before["uid"]),
            f"The Pod {name}, whose GPU is healthy, is gone",
            expected="only the Pod on the failing GPU leaves",
            found="it was deleted",
            hint="A taint must select one device only. A new attempt starts afresh.",
        )


def _expect_evicted(
    cluster: ClusterView, namespace: str, chat: Mapping[str, Any], failing: str
) -> None:
    [(name, uid)] = [(n, one["uid"]) for n, one in chat.items() if one["device"] == failing]
    cluster.wait_until(
        lambda: not _is_there(cluster, name, namespace, uid),
        EVICTION_SECONDS,
        f"The Pod {name} is still on the failing GPU",
        expected="evicted",
        found=lambda: "there",
        hint="Which effect of a taint concerns Pods that already run?",
    )
    deletions = cluster.audit(
        ("delete", "deletecollection"), "pods", "", namespace=namespace, uid=uid
    )
    # The first one decides: afterwards the node lets go of what is marked for deletion.
    actor = next((event.actor for event in deletions), "whoever deleted all Pods at once")
    expect(
        actor == EVICTOR,
        f"The Pod {name} was not evicted because of a taint",
        expected=f"deleted by {EVICTOR.rpartition(':')[2]}",
        found=f"deleted by {actor}",
        hint="The taint is to do it, also for Pods that you do not know. Start afresh.",
    )


def _is_there(cluster: ClusterView, name: str, namespace: str, uid: str) -> bool:
    pod = cluster.find("Pod", name, namespace)
    return pod is not None and bool(pod["metadata"]["uid"] == uid)
