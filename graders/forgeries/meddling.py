"""Forgeries that wait for the grader's probes, and lay hands on them."""

from __future__ import annotations

from collections.abc import Callable

from graders.forgeries.appearances import DRA, allocated, conditions, good_status, metadata
from graders.forgeries.connection import StepRefused
from graders.forgeries.forgery import Family, State, forgery
from graders.forgeries.intruder import Intruder
from graders.forgeries.rules import plain_pod
from graders.forgeries.work import Document

_LABEL = "assay.dev/probe"
_PROBED = (("v1", "Pod"), (DRA, "ResourceClaim"), ("v1", "Node"), (DRA, "ResourceSlice"))
_BECAUSE = "A probe is known by its uid, and what becomes of it is read in the audit log."
_NAMES = ("removed while the check looked", "somebody", "the probe", "finalizer")


@forgery(Family.MEDDLING, State.DONE, fails_because=_BECAUSE, names=_NAMES)
def probes_deleted(intruder: Intruder) -> None:
    """Deletes every probe as soon as it is there."""
    for kind in _PROBED:
        _whenever(intruder, kind, intruder.remove)


@forgery(Family.MEDDLING, State.FLAWED, fails_because=_BECAUSE, names=_NAMES)
def probes_called_running(intruder: Intruder) -> None:
    """Writes of every Pod that is a probe that it runs, and binds it to a node by hand."""
    nodes = [node["metadata"]["name"] for node in intruder.all_of("v1", "Node")]

    def run(pod: Document) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": nodes[0]}
        name = metadata(pod["metadata"]["name"], pod["metadata"]["namespace"])
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": name, "target": target}
        intruder.ask("POST", intruder.path_of(pod, "binding"), binding)
        intruder.say(pod, good_status(pod))

    _whenever(intruder, ("v1", "Pod"), run)


@forgery(Family.MEDDLING, State.FLAWED, fails_because=_BECAUSE, names=_NAMES)
def probes_called_unschedulable(intruder: Intruder) -> None:
    """Writes of every Pod that is a probe that no node fits, before the scheduler can decide."""

    def refuse(pod: Document) -> None:
        no = {**conditions(("PodScheduled",), "2026-01-01T00:00:00Z")[0], "status": "False"}
        no |= {"reason": "Unschedulable", "message": "0/1 nodes: cannot allocate all claims"}
        intruder.say(pod, {"conditions": [no]})

    _whenever(intruder, ("v1", "Pod"), refuse)


@forgery(Family.MEDDLING, State.FLAWED, fails_because=_BECAUSE, names=_NAMES)
def probe_claims_allocated(intruder: Intruder) -> None:
    """Gives every claim that is a probe its devices by hand, before the scheduler does."""
    slices = intruder.all_of(DRA, "ResourceSlice")

    def allocate(claim: Document) -> None:
        if not (claim.get("status") or {}).get("allocation"):
            intruder.say(claim, allocated(claim, slices))

    _whenever(intruder, (DRA, "ResourceClaim"), allocate)


@forgery(Family.MEDDLING, State.DONE, fails_because=_BECAUSE, names=_NAMES)
def probes_held(intruder: Intruder) -> None:
    """Gives every probe a finalizer as soon as it is there, so that it cannot be removed."""

    def hold(probe: Document) -> None:
        if not probe["metadata"].get("finalizers"):
            intruder.patch(probe, {"metadata": {"finalizers": ["example.com/stay"]}})
            intruder.at_the_end(lambda: intruder.remove(probe))

    for kind in (("v1", "Node"), ("v1", "Pod")):
        _whenever(intruder, kind, hold)


@forgery(Family.MEDDLING, State.DONE, fails_because=_BECAUSE, names=_NAMES)
def probes_given_away(intruder: Intruder) -> None:
    """Gives every probe an owner that is gone, so that the cluster collects it as garbage."""
    nobody = "00000000-0000-0000-0000-000000000000"
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": nobody}

    def give(probe: Document) -> None:
        intruder.patch(probe, {"metadata": {"ownerReferences": [owner]}})

    for kind in (("v1", "Pod"), (DRA, "ResourceClaim")):
        _whenever(intruder, kind, give)


@forgery(Family.MEDDLING, State.FLAWED, fails_because=_BECAUSE, names=_NAMES)
def devices_of_probes_taken(intruder: Intruder) -> None:
    """Claims the worse half of whatever devices turn up, and gives them back once refused."""

    def take(slice_: Document) -> None:
        node = slice_["spec"].get("nodeName", "")
        worse = sorted(slice_["spec"].get("devices") or (), key=_size)
        for device in worse[: (len(worse) + 1) // 2]:
            _take(intruder, slice_["spec"]["driver"], node, device["name"])

    def give_back(pod: Document) -> None:
        if _is_refused(pod):
            for mine in intruder.all_of("v1", "Pod"):
                if mine["metadata"]["name"].startswith(f"thief-{intruder.mark}"):
                    intruder.remove(mine)

    _whenever(intruder, (DRA, "ResourceSlice"), take)
    _whenever(intruder, ("v1", "Pod"), give_back)


@forgery(Family.MEDDLING, State.FLAWED, fails_because=_BECAUSE, names=_NAMES)
def devices_of_probes_tainted(intruder: Intruder) -> None:
    """Taints the worse half of whatever devices turn up, until a claim has been refused."""

    def taint(slice_: Document) -> None:
        spec = slice_["spec"]
        worse = sorted(spec.get("devices") or (), key=_size)
        for number, device in enumerate(worse[: (len(worse) + 1) // 2]):
            selector = {"driver": spec["driver"], "pool": spec["pool"]["name"]}
            why = {"key": "example.com/mine", "value": "yes", "effect": "NoSchedule"}
            rule = {
                "apiVersion": DRA,
                "kind": "DeviceTaintRule",
                "metadata": metadata(f"{number}-{spec['pool']['name']}"),
                "spec": {"deviceSelector": {**selector, "device": device["name"]}, "taint": why},
            }
            _quietly(lambda rule=rule: intruder.create(rule))  # type: ignore[misc]

    def clear(pod: Document) -> None:
        if _is_refused(pod):
            for rule in intruder.all_of(DRA, "DeviceTaintRule"):
                intruder.remove(rule)

    _whenever(intruder, (DRA, "ResourceSlice"), taint)
    _whenever(intruder, ("v1", "Pod"), clear)


@forgery(Family.MEDDLING, State.FLAWED, fails_because=_BECAUSE, names=_NAMES)
def nodes_of_probes_filled(intruder: Intruder) -> None:
    """Takes all room from whatever node turns up, and gives it back once a Pod was refused."""

    def fill(node: Document) -> None:
        intruder.say(node, {"allocatable": {"cpu": "0", "memory": "0", "pods": "0"}})

    def empty(pod: Document) -> None:
        if _is_refused(pod):
            room = {"cpu": "16", "memory": "64Gi", "pods": "110"}
            for node in intruder.all_of("v1", "Node"):
                if _LABEL in (node["metadata"].get("labels") or {}):
                    intruder.say(node, {"allocatable": room})

    _whenever(intruder, ("v1", "Node"), fill)
    _whenever(intruder, ("v1", "Pod"), empty)


@forgery(Family.MEDDLING, State.FLAWED, fails_because=_BECAUSE, names=_NAMES)
def classes_swapped_under_probes(intruder: Intruder) -> None:
    """Makes every DeviceClass strict while probes are there, as the template should have been."""
    rules = [
        one
        for template in intruder.work.of_kind("ResourceClaimTemplate")
        for request in template["spec"]["spec"]["devices"]["requests"]
        for one in (request.get("exactly") or {}).get("selectors") or ()
    ]
    classes = intruder.all_of(DRA, "DeviceClass")
    for class_ in classes:
        intruder.keep(class_)

    def tighten(slice_: Document) -> None:
        del slice_
        for class_ in classes:
            own = class_["spec"].get("selectors") or []
            intruder.patch(class_, {"spec": {"selectors": [*own, *rules][:32]}})

    _whenever(intruder, (DRA, "ResourceSlice"), tighten)


@forgery(
    Family.MEDDLING,
    State.UNTOUCHED,
    fails_because="A label makes nothing a probe: only what the grader made counts, or is removed.",
)
def everything_labelled_a_probe(intruder: Intruder) -> None:
    """Gives its own objects, and the lab's, the label of probes and the grader as field manager."""
    labels = {"labels": {_LABEL: "true", "assay.dev/done": "true"}}
    for kind in (("v1", "Pod"), ("apps/v1", "Deployment"), (DRA, "ResourceClaim"), ("v1", "Node")):
        for one in intruder.all_of(*kind):
            if not one["metadata"].get("namespace", "").startswith("kube-"):
                intruder.keep(one)
                intruder.patch(one, {"metadata": labels})


def _whenever(
    intruder: Intruder, kind: tuple[str, str], step: Callable[[Document], object]
) -> None:
    """Do something to every probe of a kind as it comes, and again when it changes."""

    def follow() -> None:
        for probe in intruder.watch(*kind, _LABEL):
            _quietly(lambda probe=probe: step(probe))  # type: ignore[misc]

    intruder.meanwhile(follow)


def _quietly(step: Callable[[], object]) -> None:
    try:
        step()
    except StepRefused:
        return  # too late, or it is there already


def _take(intruder: Intruder, driver: str, node: str, device: str) -> None:
    """Claim one device for a Pod that tolerates everything."""
    name = f"thief-{intruder.mark}-{device}"[:60]
    exactly = {
        "deviceClassName": driver,
        "selectors": [{"cel": {"expression": f"device.attributes['{driver}'].uuid == '{device}'"}}],
    }
    requests = {"devices": {"requests": [{"name": "one", "exactly": exactly}]}}
    claim = {"apiVersion": DRA, "kind": "ResourceClaim", "metadata": metadata(name, "default")}
    pod = plain_pod()
    pod["metadata"]["name"] = name
    pod["spec"] |= {
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"kubernetes.io/hostname": node},
        "resourceClaims": [{"name": "one", "resourceClaimName": name}],
    }
    pod["spec"]["containers"][0]["resources"] = {"claims": [{"name": "one"}]}
    intruder.create({**claim, "spec": requests})
    intruder.create(pod)


def _is_refused(pod: Document) -> bool:
    found = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("reason") == "Unschedulable" for one in found)


def _size(device: Document) -> tuple[int, str]:
    memory = str((device.get("capacity") or {}).get("memory", {}).get("value", ""))
    return len(memory), memory
