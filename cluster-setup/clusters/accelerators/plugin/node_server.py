"""NodeServer: the two sockets of one node, and all that is behind them."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from clusters.accelerators.plugin.api_server import ApiServer
from clusters.accelerators.plugin.driver import NodeDriver
from clusters.accelerators.plugin.health import HealthBoard, Report, report_of, tainted
from clusters.accelerators.plugin.node_files import NodeFiles
from clusters.accelerators.plugin.prepared import PreparedClaims
from clusters.accelerators.plugin.services import (
    dra_service,
    health_services,
    registration_service,
)
from clusters.accelerators.plugin.settings import PLUGINS_IN_NODE, NodePlace, Settings
from clusters.accelerators.slices import node_slices
from clusters.inventory import InventoryNode
from clusters.inventory_devices import Health

_LOG = logging.getLogger(__name__)
_THREADS = 8
"""Calls at once on one node; a kubelet makes one of each kind, and keeps one open for health."""


class NodeServer:
    """Serves the kubelet of one node."""

    def __init__(
        self, settings: Settings, node: InventoryNode, place: NodePlace, api: ApiServer
    ) -> None:
        """Make the sockets, the one by which the kubelet finds the driver last.

        Raises:
            OSError: the folders of the node are not there.
            RuntimeError: a socket could not be made.
        """
        self.node, self._settings = node, settings
        self.taken = threading.Event()
        """Set once the kubelet has taken the driver: before, it could hand nothing over."""
        self._plugins, self._registry = NodeFiles(place.plugins), NodeFiles(place.registry)
        self._slices = node_slices(settings.inventory.driver, settings.cluster, node)
        driver = settings.inventory.driver
        prepared = PreparedClaims(driver, node.name, NodeFiles(place.cdi), self._plugins)
        self._driver = NodeDriver(driver, node.name, _published(self._slices), api, prepared)
        self._board = HealthBoard(self._report({}))
        services = [dra_service(self._driver), *health_services(self._board, node.name)]
        self._servers = [_serve(self._plugins, f"{driver}.sock", services)]
        endpoint = f"{PLUGINS_IN_NODE}/{driver}.sock"
        registration = registration_service(driver, endpoint, self._registered)
        self._servers.append(_serve(self._registry, f"{driver}-reg.sock", [registration]))

    def clear(self) -> None:
        """Take away what was prepared for claims that nobody has any more."""
        self._driver.clear()

    def look(self, states: dict[str, Health]) -> list[dict[str, Any]]:
        """Tell the kubelet the health of the devices, and return the slices that go with it."""
        report = self._report(states)
        self._board.post(report)
        return [_with_taints(self._settings.inventory.driver, one, report) for one in self._slices]

    def stop(self) -> None:
        """Take the sockets away: the kubelet sees that the driver has gone."""
        self._board.close()
        for server in reversed(self._servers):
            server.stop(grace=1).wait()
        driver = self._settings.inventory.driver
        self._registry.remove(f"{driver}-reg.sock")
        self._plugins.remove(f"{driver}.sock")

    def _report(self, states: dict[str, Health]) -> Report:
        return report_of(self._settings.cluster, self._settings.inventory.driver, self.node, states)

    def _registered(self, taken: bool, error: str) -> None:
        if taken:
            self.taken.set()
            _LOG.info("the kubelet of %s has taken the driver", self.node.name)
        else:
            _LOG.error("the kubelet of %s refuses the driver: %s", self.node.name, error)


def _serve(folder: NodeFiles, socket: str, services: list[grpc.GenericRpcHandler]) -> grpc.Server:
    folder.remove(socket)  # of a driver that was killed
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(tuple(services))
    server.add_insecure_port(folder.address(socket))
    server.start()
    return server


def _published(slices: list[dict[str, Any]]) -> dict[str, Any]:
    return {entry["name"]: entry for one in slices for entry in one["spec"].get("devices", ())}


def _with_taints(driver: str, one: dict[str, Any], report: Report) -> dict[str, Any]:
    spec = one["spec"]
    if "devices" not in spec:
        return one
    return {**one, "spec": {**spec, "devices": tainted(driver, spec["devices"], report)}}
