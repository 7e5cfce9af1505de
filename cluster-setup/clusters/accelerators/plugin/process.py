"""The driver's process: serves every node of a cluster until it is told to stop."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from clusters.accelerators.plugin.api_server import ApiServer
from clusters.accelerators.plugin.health import read_states
from clusters.accelerators.plugin.node_server import NodeServer
from clusters.accelerators.plugin.publishing import publish
from clusters.accelerators.plugin.settings import Settings

LOOK_SECONDS = 1.0
"""How often slices and states are looked at."""
CLEAR_SECONDS = 30.0
"""How often what is left of deleted claims is cleared away."""
_LOG = logging.getLogger(__name__)


def serve(settings: Settings, stopped: threading.Event) -> None:
    """Serve until `stopped` is set.

    Raises:
        OSError: a folder of a node is not there.
        RuntimeError: a socket could not be made.
    """
    api = ApiServer(settings)
    servers = [
        NodeServer(settings, node, settings.places[node.name], api)
        for node in settings.inventory.nodes
        if node.devices
    ]
    _LOG.info("serving %s", ", ".join(server.node.name for server in servers) or "no node")
    tries = _Tries()
    try:
        cleared = -CLEAR_SECONDS
        while not stopped.is_set():
            tries.do("publish devices", lambda: _publish(settings, servers, api))
            if time.monotonic() - cleared >= CLEAR_SECONDS:
                tries.do("clear up", lambda: _clear(servers))
                cleared = time.monotonic()
            stopped.wait(LOOK_SECONDS)
    finally:
        for server in servers:
            server.stop()
        api.close()


def _publish(settings: Settings, servers: list[NodeServer], api: ApiServer) -> None:
    states = read_states(settings.states)
    looked = {server: server.look(states) for server in servers}
    wanted = {
        server.node.name: slices for server, slices in looked.items() if server.taken.is_set()
    }
    publish(api, settings.inventory.driver, wanted)


def _clear(servers: list[NodeServer]) -> None:
    for server in servers:
        server.clear()


class _Tries:
    """Does things that are done again later; an API server that is away is no reason to end."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def do(self, what: str, action: Callable[[], None]) -> None:
        """Do it; why it failed is said once, not every second."""
        try:
            action()
        except (httpx.HTTPError, OSError) as error:
            if self._said.get(what) != str(error):
                _LOG.warning("could not %s: %s", what, error)
            self._said[what] = str(error)
        else:
            self._said.pop(what, None)


def main(settings: Path) -> None:
    """Serve what a file of settings says, until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    serve(Settings.read(settings), stopped)
