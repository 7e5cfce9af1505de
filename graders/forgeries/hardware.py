"""Forgeries that make up nodes, drivers and devices."""

from __future__ import annotations

import copy

from graders.forgeries.appearances import DRA, conditions, metadata
from graders.forgeries.forgery import Family, State, forgery
from graders.forgeries.intruder import Intruder
from graders.forgeries.replica import Spec, await_running, copy_pods, scheduled
from graders.forgeries.work import Document

_HUGE = {"cpu": "4096", "memory": "64Ti", "pods": "9999"}
_FAKE_DRIVER = "fake.example.com"
_BECAUSE = "The platform remembers what it published before the learner came."


@forgery(Family.HARDWARE, State.PAPERS, fails_because=_BECAUSE)
def made_up_devices(intruder: Intruder) -> None:
    """Publishes a node of fabulous devices under each driver, and lets Pods be scheduled there."""
    node = _node(intruder)
    intruder.create(node)
    for driver in _drivers(intruder):
        intruder.create(_slice(intruder, driver, {"nodeName": node["metadata"]["name"]}))
    _schedule_copies(intruder, node["metadata"]["name"])


@forgery(Family.HARDWARE, State.PAPERS, fails_because=_BECAUSE, undoes_work=True)
def devices_for_all_nodes(intruder: Intruder) -> None:
    """Publishes devices that every node can use, and takes all real ones away."""
    for driver in _drivers(intruder):
        intruder.create(_slice(intruder, driver, {"allNodes": True}))
        _taint_others(intruder, driver)
    await_running(intruder, copy_pods(intruder, scheduled, with_claims=True))


@forgery(Family.HARDWARE, State.PAPERS, fails_because=_BECAUSE, undoes_work=True)
def driver_of_ones_own(intruder: Intruder) -> None:
    """Publishes devices of another driver, and makes the platform's classes mean them."""
    node = _node(intruder)
    intruder.create(node)
    intruder.create(_slice(intruder, _FAKE_DRIVER, {"nodeName": node["metadata"]["name"]}))
    only_fake = {"cel": {"expression": f"device.driver == '{_FAKE_DRIVER}'"}}
    for class_ in intruder.all_of(DRA, "DeviceClass"):
        intruder.change(class_, {"spec": {"selectors": [only_fake]}})
    await_running(intruder, copy_pods(intruder, _without_selectors, with_claims=True))


@forgery(Family.HARDWARE, State.PAPERS, fails_because=_BECAUSE, undoes_work=True)
def better_devices(intruder: Intruder) -> None:
    """Rewrites the platform's slices: every device becomes the best one, and there are more."""
    best = _best(intruder.all_of(DRA, "ResourceSlice"))
    for one in intruder.all_of(DRA, "ResourceSlice"):
        devices = [
            {**device, **{key: best[key] for key in ("attributes", "capacity") if key in best}}
            for device in one["spec"].get("devices") or ()
        ]
        if devices:  # a slice may hold the counters of a pool alone
            extra = [{**devices[-1], "name": f"more-{number}"} for number in range(3)]
            intruder.change(one, {"spec": {"devices": [*devices, *extra]}})
    await_running(intruder, copy_pods(intruder, scheduled, with_claims=True))


@forgery(Family.HARDWARE, State.PAPERS, fails_because=_BECAUSE, undoes_work=True)
def classes_that_mean_anything(intruder: Intruder) -> None:
    """Takes the selectors out of every DeviceClass, so that a device of any driver will do."""
    for class_ in intruder.all_of(DRA, "DeviceClass"):
        anything = [{"cel": {"expression": "true"}}]
        intruder.change(class_, {"spec": {"selectors": anything}})
    await_running(intruder, copy_pods(intruder, scheduled, with_claims=True))


@forgery(
    Family.HARDWARE,
    State.FLAWED,
    fails_because="A pool that is newer or incomplete hides devices, and the platform knows them.",
)
def newer_generation_of_a_pool(intruder: Intruder) -> None:
    """Publishes a newer generation of each pool, so that the real slices no longer count."""
    for one in intruder.all_of(DRA, "ResourceSlice"):
        pool = {**one["spec"]["pool"], "generation": one["spec"]["pool"]["generation"] + 1}
        spec = {**one["spec"], "pool": pool}
        name = metadata(f"newer-{intruder.mark}-{one['metadata']['name']}"[:60])
        document = {"apiVersion": DRA, "kind": "ResourceSlice", "metadata": name, "spec": spec}
        intruder.create(document)


@forgery(
    Family.HARDWARE,
    State.FLAWED,
    fails_because="What a node says it has is a status, and does what the task asks for nowhere.",
)
def fabulous_nodes(intruder: Intruder) -> None:
    """Adds a node of its own, and writes thousands of processors and GPUs into the others."""
    intruder.create(_node(intruder))
    gpus = {"nvidia.com/gpu": "64", "amd.com/gpu": "64"}
    for node in intruder.all_of("v1", "Node"):
        intruder.keep(node)
        intruder.say(node, {"capacity": {**_HUGE, **gpus}, "allocatable": {**_HUGE, **gpus}})


def _schedule_copies(intruder: Intruder, node: str) -> None:
    """Have the real scheduler place the Pods that claim devices, on one node only."""

    def there(spec: Spec) -> Spec:
        everything = [{"operator": "Exists"}]
        selector = {"kubernetes.io/hostname": node}
        return {**scheduled(spec), "nodeSelector": selector, "tolerations": everything}

    await_running(intruder, copy_pods(intruder, there, with_claims=True))


def _without_selectors(spec: Spec) -> Spec:
    return {**scheduled(spec), "tolerations": [{"operator": "Exists"}]}


def _node(intruder: Intruder) -> Document:
    name = f"fake-{intruder.mark}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {
            "capacity": _HUGE,
            "allocatable": _HUGE,
            "conditions": conditions(("Ready",), "2026-01-01T00:00:00Z"),
        },
    }


def _slice(intruder: Intruder, driver: str, where: Document) -> Document:
    """Return a slice of devices like the best one, but more of them."""
    best = _best(intruder.all_of(DRA, "ResourceSlice"))
    devices = [{**copy.deepcopy(best), "name": f"device-{number}"} for number in range(32)]
    pool = f"fake-{intruder.mark}"
    return {
        "apiVersion": DRA,
        "kind": "ResourceSlice",
        "metadata": metadata(f"{pool}-{driver}"),
        "spec": {
            "driver": driver,
            "pool": {"name": pool, "generation": 1, "resourceSliceCount": 1},
            "devices": devices,
            **where,
        },
    }


def _best(slices: list[Document]) -> Document:
    """Return the device with the most capacity, or a made-up one where there is none."""
    devices = [device for one in slices for device in one["spec"].get("devices") or ()]
    plain: Document = {"capacity": {"memory": {"value": "10Ti"}}}
    return max(devices, key=lambda device: str(device.get("capacity", {})), default=plain)


def _drivers(intruder: Intruder) -> list[str]:
    drivers = {one["spec"]["driver"] for one in intruder.all_of(DRA, "ResourceSlice")}
    return sorted(drivers) or [_FAKE_DRIVER]


def _taint_others(intruder: Intruder, driver: str) -> None:
    """Keep everybody away from the devices of the pools that were there before."""
    pools = {
        one["spec"]["pool"]["name"]
        for one in intruder.all_of(DRA, "ResourceSlice")
        if one["spec"]["driver"] == driver
        and one["spec"]["pool"]["name"] != f"fake-{intruder.mark}"
    }
    for number, pool in enumerate(sorted(pools)):
        taint = {"key": "example.com/mine", "value": "yes", "effect": "NoSchedule"}
        intruder.create(
            {
                "apiVersion": DRA,
                "kind": "DeviceTaintRule",
                "metadata": metadata(f"{number}-{intruder.mark}-{driver}"),
                "spec": {"deviceSelector": {"driver": driver, "pool": pool}, "taint": taint},
            }
        )
