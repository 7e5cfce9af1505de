"""Taints: whether a device of the lab is tainted, whoever holds it, as the scheduler sees it."""

from collections.abc import Sequence
from typing import Any

from graders import ClusterView
from graders.dra import is_given

ROOM = "assay-system"
"""Where claims may have admin access."""

Toleration = dict[str, Any]


def can_be_had(
    cluster: ClusterView, driver: str, device: dict[str, Any], *tolerations: Toleration
) -> bool:
    """Whether a claim with these tolerations is given a device, whoever else has it."""
    uuid = device["attributes"]["uuid"]["string"]
    rule = f"device.attributes['{driver}'].uuid == '{uuid}'"
    wish = {
        "deviceClassName": driver,
        "adminAccess": True,
        "selectors": [{"cel": {"expression": rule}}],
        "tolerations": list(tolerations),
    }
    return bool(is_given(cluster, claim_of(wish), namespace=ROOM))


def claim_of(*wishes: dict[str, Any]) -> dict[str, Any]:
    """Return the spec of a claim for exactly these wishes."""
    requests = [{"name": f"r{number}", "exactly": wish} for number, wish in enumerate(wishes)]
    return {"devices": {"requests": requests}}


def tolerating(key: str, effect: str = "") -> Toleration:
    """Return a toleration of a taint, whatever its value."""
    return {"key": key, "operator": "Exists", **({"effect": effect} if effect else {})}


def tolerations_in(spec: dict[str, Any]) -> Sequence[Toleration]:
    """Return every toleration in the spec of a claim."""
    requests = spec["devices"].get("requests") or ()
    wishes = [one for r in requests for one in r.get("firstAvailable") or [r.get("exactly") or {}]]
    return [one for wish in wishes for one in wish.get("tolerations") or ()]
