"""Allotment: a device that a claim was given on this node, as its allocation says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Entry = Mapping[str, Any]
"""A device as its ResourceSlice publishes it."""


class Refused(Exception):
    """This claim cannot be prepared, now or at all; the kubelet shows the sentence and retries."""


@dataclass(frozen=True)
class Allotment:
    """One device of one claim."""

    request: str
    """Name of the request, of a choice `<request>/<choice>`."""
    pool: str
    device: str
    entry: Entry
    share_id: str = ""
    """Set where several claims have the device."""
    memory: str = ""
    """What the claim may use of its memory."""
    admin: bool = False
    """Whether it is for looking after the device, beside whoever uses it."""

    @property
    def exclusive(self) -> bool:
        """Whether nobody else may have the device."""
        return not (self.admin or self.share_id)


def is_uid(text: str) -> bool:
    """Say whether this can be the uid of an object, and so part of a file's name."""
    return _UID.fullmatch(text) is not None


def allotments(
    claim: Mapping[str, Any], uid: str, driver: str, pool: str, published: Mapping[str, Entry]
) -> list[Allotment]:
    """Return the devices that a claim was given by this driver on this node.

    Args:
        claim: the ResourceClaim as the API server has it.
        uid: of the claim that the kubelet means.
        driver: name of the driver.
        pool: the node's.
        published: the devices of the node by name.

    Raises:
        Refused: it is another claim, has no allocation, or has a device that is not of this node.
    """
    if claim["metadata"]["uid"] != uid:
        raise Refused("the claim was deleted, and another one has its name")
    results = _results(claim)
    if not results:
        raise Refused("the claim has no allocation")
    return [_allotment(one, pool, published) for one in results if one["driver"] == driver]


def _results(claim: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    allocation = (claim.get("status") or {}).get("allocation") or {}
    found: list[Mapping[str, Any]] = (allocation.get("devices") or {}).get("results") or []
    return found


def _allotment(result: Mapping[str, Any], pool: str, published: Mapping[str, Entry]) -> Allotment:
    device, share_id = result["device"], result.get("shareID") or ""
    if result["pool"] != pool or device not in published:
        raise Refused(f"device {result['pool']}/{device} is not on this node")
    if share_id and not is_uid(share_id):
        raise Refused(f"device {device} has a shareID that is none")
    entry = published[device]
    consumed = result.get("consumedCapacity") or {}
    whole = entry["capacity"]["memory"]["value"]
    return Allotment(
        request=result["request"],
        pool=pool,
        device=device,
        entry=entry,
        share_id=share_id,
        memory=consumed.get("memory") or whole,
        admin=bool(result.get("adminAccess")),
    )
