"""The Pod that stands for a process: Services select it, and it has the process's address.

Nothing schedules it, so that neither a node nor the simulation of one has a say in it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from clusters.addons import AddOn
from clusters.addons.addon import Account
from clusters.providers.embedded.addons.files import ADDRESS
from clusters.providers.embedded.api import ApiServer

LABEL = "app.kubernetes.io/name"
SCHEDULER = "beside-the-cluster"
"""Name of a scheduler that nobody is."""
_CONDITIONS = ("PodScheduled", "Initialized", "ContainersReady", "Ready")


def stand_for(addon: AddOn, account: Account, api: ApiServer) -> None:
    """Put the Pod of an add-on in its place, unless it is there.

    Raises:
        ClusterError: the API server refused, or does not answer.
    """
    collection = f"/api/v1/namespaces/{account.namespace}/pods"
    api.ensure(collection, pod_of(addon, account))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    api.patch(f"{collection}/{addon.name}/status", {"status": status_of(addon, now)})


def open_to_standing(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return an object as it is created here: Services take Pods that are on no node.

    The controller of EndpointSlices passes over such a Pod, unless its Service asks for all.
    """
    if manifest["kind"] != "Service":
        return manifest
    return manifest | {"spec": manifest["spec"] | {"publishNotReadyAddresses": True}}


def pod_of(addon: AddOn, account: Account) -> dict[str, Any]:
    """Return the Pod that stands for the process of an add-on."""
    labels = {LABEL: addon.name, "app.kubernetes.io/managed-by": "assay"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": addon.name, "namespace": account.namespace, "labels": labels},
        "spec": {
            "schedulerName": SCHEDULER,
            "serviceAccountName": account.name,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "containers": [{"name": addon.name, "image": addon.image}],
        },
    }


def status_of(addon: AddOn, now: str) -> dict[str, Any]:
    """Return the status of that Pod.

    Args:
        addon: whose Pod.
        now: when it started, RFC 3339.
    """
    container = {
        "name": addon.name,
        "image": addon.image,
        "imageID": "",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": now}},
    }
    return {
        "phase": "Running",
        "startTime": now,
        "podIP": ADDRESS,
        "podIPs": [{"ip": ADDRESS}],
        "conditions": [
            {"type": name, "status": "True", "lastTransitionTime": now} for name in _CONDITIONS
        ],
        "containerStatuses": [container],
    }
