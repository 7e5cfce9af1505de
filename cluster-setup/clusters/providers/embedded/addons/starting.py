"""Starting add-ons: their objects once, their processes whenever they do not run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Protocol

from clusters.addons import AddOn
from clusters.addons.objects import fill, objects_of
from clusters.errors import ClusterError
from clusters.providers.addon_objects import create_objects
from clusters.providers.embedded.addons.commands import command_of, python
from clusters.providers.embedded.addons.files import ADDRESS, AddOnFiles
from clusters.providers.embedded.addons.standing import open_to_standing, stand_for
from clusters.providers.embedded.api import ApiServer
from clusters.providers.embedded.components import ComponentCommand

PATIENCE = 10.0
"""Seconds that a repair waits for add-ons: what their objects are by now is their owner's doing."""
_ANSWER_SECONDS = "1"
"""How long one program waits; then it is looked at whether what it waits for still lives."""
_POLL_SECONDS = 0.05

Wait = tuple[str, Callable[[], bool]]
"""What may be slow, and what holds when it works."""


class Host(Protocol):
    """The control plane that add-ons run beside."""

    def runs(self, component: str) -> bool:
        """Say whether a component runs already."""

    def start(self, command: ComponentCommand, program: Sequence[str]) -> None:
        """Start a component inside the walls, unless it runs."""

    def wait(self, slow: str, done: Callable[[], bool]) -> None:
        """Wait until something holds, and name what was slow where it does not."""

    def inside(self, command: Sequence[str]) -> AbstractContextManager[Popen[bytes]]:
        """Run a command inside the walls; it ends with the context."""


class HostAddOns:
    """The add-ons of one cluster."""

    def __init__(
        self,
        addons: Sequence[AddOn],
        nodes: Sequence[str],
        files: AddOnFiles,
        binaries: Mapping[str, Path],
        host: Host,
    ) -> None:
        """Look after add-ons.

        Args:
            addons: in the order in which they start.
            nodes: names of the cluster's nodes; none while it is not dressed.
            files: where their files are.
            binaries: path of each binary.
            host: the control plane.
        """
        self._called = any(addon.process for addon in addons)
        self._addons = [addon for addon in addons if nodes or not addon.on_nodes]
        self._nodes = tuple(nodes)
        self._files = files
        self._binaries = binaries
        self._host = host

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._addons)

    def prepare(self) -> None:
        """Write what the API server needs so that it can call add-ons."""
        if self._called:
            self._files.write_front_proxy()

    def add(self, api: ApiServer) -> None:
        """Create objects that were not created yet, start what does not run, and wait for it.

        Raises:
            NotReadyError: an add-on ended, or was not ready in time.
            ClusterError: the API server refused something.
        """
        self._raise_address()
        waits = [wait for addon in self._addons for wait in self._begin(addon, api)]
        for component, holds in waits:
            self._host.wait(component, holds)

    def resume(self, api: ApiServer) -> None:
        """Start what does not run, in a cluster whose owner may have broken it.

        What does not work again after a while is no reason to call the cluster lost: what does
        not run is seen wherever the cluster is looked at.
        """
        deadline = time.monotonic() + PATIENCE
        waits: list[Wait] = []
        for addon in self._addons:
            with suppress(ClusterError):
                waits += self._begin(addon, api)
        for _, holds in waits:
            while not holds() and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)

    def _begin(self, addon: AddOn, api: ApiServer) -> list[Wait]:
        """Start an add-on, and return what to wait for with the name of what may be slow."""
        waited = [] if self._files.added(addon) else self._create_objects(addon, api)
        waits = list(self._start(addon, api))
        self._files.mark_added(addon)
        return [*waits, *((addon.name, partial(api.holds, path)) for path in waited)]

    def _raise_address(self) -> None:
        if not any(addon.process for addon in self._addons):
            return
        with self._host.inside((*python("raise_address"), ADDRESS)) as raising:
            if raising.wait() != 0:
                raise ClusterError(f"the address {ADDRESS} cannot be had inside the walls")

    def _create_objects(self, addon: AddOn, api: ApiServer) -> list[str]:
        """Create the objects of an add-on, and return the paths of those to wait for."""
        objects = objects_of(addon, self._files.values(addon))
        create_objects([*map(open_to_standing, objects)], api, self._host.wait)
        return list(addon.ready)

    def _start(self, addon: AddOn, api: ApiServer) -> Iterator[Wait]:
        process = addon.process
        if process is None:
            return
        nodes = self._nodes if process.needs_nodes else ("",)
        for component, node in zip(addon.components(self._nodes), nodes, strict=True):
            if self._host.runs(component):
                continue
            values = self._files.values(addon, component, node)
            self._files.write_folder(addon, process, component, values)
            if process.account:
                self._files.write_credential(component, process.account, api)
            self._host.start(*command_of(component, process, values, self._binaries))
            if process.ready:
                yield component, partial(self._answers, fill(process.ready, values))
            if process.makes:
                yield component, partial(_is_filled, api, fill(process.makes, values))
        if process.account and not process.needs_nodes:
            stand_for(addon, process.account, api)

    def _answers(self, address: str) -> bool:
        with self._host.inside((*python("wait_for"), _ANSWER_SECONDS, address)) as asking:
            return asking.wait() == 0


def _is_filled(api: ApiServer, collection: str) -> bool:
    return bool(api.get(collection)["items"])
