"""Publisher: keeps the ResourceSlices of the nodes as they should be, whoever changes them.

A kubelet that starts takes all slices of its node away, and the rest of them when the driver was
away for half a minute (kubelet/cm/dra/plugin of Kubernetes 1.37); so publishing once is not enough.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from clusters.accelerators.plugin.api_server import ApiServer
from clusters.inventory_values import amount_of

_LOG = logging.getLogger(__name__)
Slice = dict[str, Any]


def publish(api: ApiServer, driver: str, wanted: Mapping[str, Sequence[Slice]]) -> None:
    """Make the slices of some nodes what they should be; those of other nodes are not touched.

    Args:
        api: the API server.
        driver: name of the DRA driver.
        wanted: the slices of each node.

    Raises:
        httpx.HTTPError: the API server refused something, or does not answer.
    """
    found = api.slices(driver)
    for node, slices in wanted.items():
        own = [one for one in found if one["spec"].get("nodeName") == node]
        if not is_as_wanted(own, slices):
            _replace(api, node, own, slices)


def _replace(api: ApiServer, node: str, own: Sequence[Slice], slices: Sequence[Slice]) -> None:
    """Publish a pool anew, as one generation: until the last slice is there nobody uses it."""
    uid = api.node_uid(node)
    if uid is None:
        return
    owner = {"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid, "controller": True}
    generation = 1 + max((one["spec"]["pool"]["generation"] for one in own), default=0)
    there = {one["metadata"]["name"]: one for one in own}
    wanted = {one["metadata"]["name"] for one in slices}
    for name in there.keys() - wanted:
        api.delete_slice(name)
    for one in slices:
        name = one["metadata"]["name"]
        metadata: dict[str, Any] = {"name": name, "ownerReferences": [owner]}
        spec = {**one["spec"], "pool": {**one["spec"]["pool"], "generation": generation}}
        if name in there and there[name]["spec"]["pool"]["name"] == spec["pool"]["name"]:
            metadata["resourceVersion"] = there[name]["metadata"]["resourceVersion"]
            api.replace_slice({**one, "metadata": metadata, "spec": spec})
        else:
            if name in there:  # the name of a pool cannot be changed
                api.delete_slice(name)
            api.create_slice({**one, "metadata": metadata, "spec": spec})
    _LOG.info("published %d slices of node %s, generation %d", len(slices), node, generation)


def is_as_wanted(own: Sequence[Slice], wanted: Sequence[Slice]) -> bool:
    """Say whether the slices of a node are what they should be, as the API server would say it."""
    if len({one["spec"]["pool"]["generation"] for one in own}) > 1:
        return False
    return _compared(own) == _compared(wanted)


def _compared(slices: Sequence[Slice]) -> dict[str, Any]:
    """Return what counts of slices: not the generation, nor what the API server fills in."""
    return {one["metadata"]["name"]: _settled(one["spec"]) for one in slices}


def _settled(spec: Mapping[str, Any]) -> Any:
    pool = {key: value for key, value in spec["pool"].items() if key != "generation"}
    devices = [_without_times(device) for device in spec.get("devices") or ()]
    return _with_amounts({**spec, "pool": pool, "devices": devices})


def _without_times(device: Mapping[str, Any]) -> dict[str, Any]:
    taints = [
        {key: value for key, value in taint.items() if key != "timeAdded" and value}
        for taint in device.get("taints") or ()
    ]
    rest = {key: value for key, value in device.items() if key != "taints"}
    return {**rest, "taints": taints} if taints else rest


def _with_amounts(value: Any) -> Any:
    """Return a value with amounts in place of quantities: the API server writes 1Gi for 1024Mi."""
    if isinstance(value, Mapping):
        return {key: _with_amounts(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_amounts(one) for one in value]
    if isinstance(value, str):
        with suppress(ValueError):
            return amount_of(value)
    return value
