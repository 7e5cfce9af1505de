"""Health of devices: as the inventory says, unless a file of states says otherwise meanwhile."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clusters.accelerators.devices import places, unhealthy_taint
from clusters.inventory import InventoryNode
from clusters.inventory_devices import Health

Report = dict[str, Health]
"""Health by the name of a device, partitions included."""


def read_states(path: Path) -> dict[str, Health]:
    """Return the states that are set, by `<node>/<device>`; none where the file is no good."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {str(device): Health(state) for device, state in document.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def report_of(
    cluster: str, driver: str, node: InventoryNode, states: Mapping[str, Health]
) -> Report:
    """Return the health of every device of a node; partitions have that of their device.

    Args:
        cluster: name of the cluster.
        driver: name of the DRA driver.
        node: what is in the node.
        states: what is not as the inventory says, by `<node>/<device>`.
    """
    report: Report = {}
    for place in places(cluster, driver, node):
        state = states.get(f"{node.name}/{place.name}", place.group.health)
        report |= dict.fromkeys((place.name, *(name for name, _ in place.partitions())), state)
    return report


def tainted(driver: str, entries: list[dict[str, Any]], report: Report) -> list[dict[str, Any]]:
    """Return devices of a slice with the taint of broken ones where it belongs, and only there."""
    broken = unhealthy_taint(driver)
    return [
        _with_taints(
            entry,
            [
                *(taint for taint in entry.get("taints", ()) if taint["key"] != broken["key"]),
                *([broken] if report.get(entry["name"]) is Health.UNHEALTHY else []),
            ],
        )
        for entry in entries
    ]


def _with_taints(entry: dict[str, Any], taints: list[dict[str, str]]) -> dict[str, Any]:
    rest = {key: value for key, value in entry.items() if key != "taints"}
    return {**rest, "taints": taints} if taints else rest


class HealthBoard:
    """The latest report of one node, for everybody who wants to hear of it."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._changed = threading.Condition()
        self._closed = False

    def post(self, report: Report) -> None:
        """Tell everybody, if something is new."""
        with self._changed:
            if report != self._report:
                self._report = report
                self._changed.notify_all()

    def close(self) -> None:
        """Let everybody go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def watch(self, every: float) -> Iterator[Report]:
        """Yield the report now, whenever it changes, and every so many seconds."""
        known: Report | None = None
        while True:
            with self._changed:
                if known == self._report and not self._closed:
                    self._changed.wait(every)
                if self._closed:
                    return
                known = self._report
            yield known
