"""Forgeries that say of what is there that it is as it should be."""

from __future__ import annotations

from graders.forgeries.appearances import DRA, LATER, allocated, good_status
from graders.forgeries.forgery import Family, State, forgery
from graders.forgeries.intruder import Intruder
from graders.forgeries.work import Document

_WORKLOADS = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("v1", "Pod"),
)


def workloads(intruder: Intruder) -> list[Document]:
    """Return everything that runs something, but for the system's."""
    found = [one for kind in _WORKLOADS for one in intruder.all_of(*kind)]
    return [one for one in found if not one["metadata"]["namespace"].startswith("kube-")]


@forgery(
    Family.STATUS,
    State.UNTOUCHED,
    fails_because="A status is a claim; checks look at what led to it and at how things behave.",
)
def patched_status(intruder: Intruder) -> None:
    """Writes into the status of every workload and Pod that it is ready and available."""
    for workload in workloads(intruder):
        intruder.say(workload, good_status(workload))


@forgery(
    Family.STATUS,
    State.UNTOUCHED,
    fails_because="No check asks a status how late it is; the platform's clock is its own.",
)
def times_of_the_future(intruder: Intruder) -> None:
    """Writes statuses and conditions with times and generations of the far future."""
    for workload in workloads(intruder):
        status = good_status(workload, LATER)
        if "observedGeneration" in status:
            status["observedGeneration"] = 2**40
        intruder.say(workload, status)


@forgery(
    Family.STATUS,
    State.UNTOUCHED,
    fails_because="The audit log says that it was not the scheduler who chose the devices.",
)
def allocations_by_hand(intruder: Intruder) -> None:
    """Writes allocations and reservations into the status of every ResourceClaim."""
    slices = intruder.all_of(DRA, "ResourceSlice")
    for claim in intruder.all_of(DRA, "ResourceClaim"):
        if not (claim.get("status") or {}).get("allocation"):
            intruder.say(claim, allocated(claim, slices))
