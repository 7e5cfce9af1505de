"""Replica: Pods of somebody who passed, made to look as if they had been scheduled here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graders.forgeries.appearances import DRA
from graders.forgeries.connection import LEARNER, StepRefused, Who
from graders.forgeries.intruder import Intruder
from graders.forgeries.work import Document, as_new, identity

NOBODY = "nobody"
"""A scheduler that does not exist: it leaves Pods alone."""
_CLAIM_SECONDS = 5.0
_START_SECONDS = 5.0

Spec = dict[str, Any]
Change = Callable[[Spec], Spec]


@dataclass(frozen=True)
class Copy:
    """A Pod, and the one that it was copied from."""

    pod: Document
    original: Document

    @property
    def node(self) -> str:
        """Where the original runs."""
        return str(self.original["spec"].get("nodeName", ""))


def copy_pods(
    intruder: Intruder,
    change: Change,
    metadata: Mapping[str, Any] | None = None,
    who: Who = LEARNER,
    *,
    with_claims: bool = False,
) -> list[Copy]:
    """Create every Pod that the intruder's cluster lacks, with a changed spec.

    Args:
        intruder: knows the originals.
        change: what is made of the spec of each Pod, for example to keep the scheduler off.
        metadata: what is added to the metadata of each.
        who: who creates them.
        with_claims: only the Pods that claim devices.
    """
    owners = _uids(intruder)
    originals = [
        pod
        for pod in intruder.work.of_kind("Pod")
        if pod["spec"].get("resourceClaims") or not with_claims
    ]
    return [
        Copy(intruder.create(_copy(pod, change, owners, metadata or {}), who), pod)
        for pod in originals
        if intruder.read(pod) is None
    ]


def unscheduled(spec: Spec) -> Spec:
    """Keep the scheduler off a Pod."""
    return {**scheduled(spec), "schedulerName": NOBODY}


def scheduled(spec: Spec) -> Spec:
    """Let the scheduler find a node for a Pod."""
    return {key: value for key, value in spec.items() if key != "nodeName"}


def on_the_same_node(spec: Spec) -> Spec:
    """Name the node of the original, past any scheduler."""
    return spec


def give_devices(intruder: Intruder, copies: list[Copy], who: Who = LEARNER) -> None:
    """Write the originals' allocations into the claims of the copies."""
    for copy in copies:
        for name, original in _claims(intruder, copy):
            claim = {"apiVersion": DRA, "kind": "ResourceClaim", "metadata": name}
            metadata = copy.pod["metadata"]
            user = {"resource": "pods", "name": metadata["name"], "uid": metadata["uid"]}
            allocation = (original.get("status") or {}).get("allocation")
            intruder.say(claim, {"allocation": allocation}, who)
            intruder.say(claim, {"reservedFor": [user]}, who)


def bind(intruder: Intruder, copies: list[Copy], who: Who = LEARNER) -> None:
    """Bind each copy to the node of its original.

    Where the scheduler may look at a Pod as well, it may be the faster one.
    """
    for copy in there(intruder, copies):
        path = intruder.path_of(copy.pod, "binding")
        try:
            intruder.must("POST", path, binding(copy), who=who)
        except StepRefused:
            if _is_unbound(intruder, copy.pod):
                raise


def _is_unbound(intruder: Intruder, pod: Document) -> bool:
    now = intruder.read(pod)
    return now is not None and not now["spec"].get("nodeName")


def there(intruder: Intruder, copies: list[Copy]) -> list[Copy]:
    """Return the copies that still exist: a ReplicaSet that has enough ends what it adopts."""
    return [copy for copy in copies if intruder.read(copy.pod) is not None]


def binding(copy: Copy) -> Document:
    """Return what says that a Pod belongs on a node."""
    metadata = copy.pod["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "target": {"apiVersion": "v1", "kind": "Node", "name": copy.node},
    }


def await_running(intruder: Intruder, copies: list[Copy]) -> None:
    """Wait until the copies run, or do not."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        pods = [intruder.read(copy.pod) or {} for copy in copies]
        if all(pod.get("status", {}).get("phase") == "Running" for pod in pods):
            return
        time.sleep(0.1)


def _copy(
    pod: Document,
    change: Change,
    owners: Mapping[tuple[str, ...], str],
    metadata: Mapping[str, Any],
) -> Document:
    copy = as_new(pod)
    copy.pop("status", None)
    references = [
        {**reference, "uid": owners[key]}
        for reference in pod["metadata"].get("ownerReferences") or ()
        if (key := (reference["kind"], pod["metadata"]["namespace"], reference["name"])) in owners
    ]
    copy["metadata"] = {**copy["metadata"], "ownerReferences": references, **metadata}
    return {**copy, "spec": change(pod["spec"])}


def _uids(intruder: Intruder) -> dict[tuple[str, ...], str]:
    """Return the uid of everything that may own Pods: kind, namespace and name."""
    kinds = (("apps/v1", "ReplicaSet"), ("apps/v1", "StatefulSet"), ("batch/v1", "Job"))
    found = [one for kind in kinds for one in intruder.all_of(*kind)]
    return {identity(one)[1:]: one["metadata"]["uid"] for one in found}


def _claims(intruder: Intruder, copy: Copy) -> Iterator[tuple[Document, Document]]:
    """Yield place and name of each claim of a copy, with the claim it has to look like."""
    originals = {identity(one)[2:]: one for one in intruder.work.of_kind("ResourceClaim")}
    namespace = copy.pod["metadata"]["namespace"]
    theirs = _claim_names(copy.original)
    for entry, name in _await_claims(intruder, copy.pod).items():
        original = originals.get((namespace, theirs.get(entry, "")))
        if original is not None:
            yield {"name": name, "namespace": namespace}, original


def _await_claims(intruder: Intruder, pod: Document) -> dict[str, str]:
    deadline = time.monotonic() + _CLAIM_SECONDS
    wanted = len(pod["spec"].get("resourceClaims") or ())
    while True:
        names = _claim_names(intruder.read(pod) or pod)
        if len(names) >= wanted or time.monotonic() > deadline:
            return names
        time.sleep(0.05)


def _claim_names(pod: Document) -> dict[str, str]:
    """Return the name of the claim behind each entry of a Pod, as far as there is one."""
    entries = pod["spec"].get("resourceClaims") or ()
    statuses = (pod.get("status") or {}).get("resourceClaimStatuses") or ()
    named = {e["name"]: e["resourceClaimName"] for e in entries if e.get("resourceClaimName")}
    made = {s["name"]: s["resourceClaimName"] for s in statuses if s.get("resourceClaimName")}
    return {**named, **made}
