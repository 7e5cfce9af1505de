"""Add-ons on clusters of containers: they run in the cluster, as their own containers.

An image with the one pinned program in it is put on every node under the name that upstream's image
has, so that no registry is asked; an add-on without a program of its own is only its objects.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from functools import partial

from clusters.addons import AddOn
from clusters.addons.catalogue import existing
from clusters.addons.objects import Manifest, objects_of
from clusters.binaries import ensure_binaries
from clusters.errors import CommandError
from clusters.images.archive import Runs, add_scratch_image, save_archive
from clusters.images.store import ImageStore
from clusters.providers.addon_objects import create_objects
from clusters.providers.embedded.addons.files import AddOnFiles
from clusters.providers.embedded.api import ApiServer
from clusters.providers.embedded.folder import ClusterFolder, Record
from clusters.providers.kind.docker import Container

_IMPORT = ("ctr", "--namespace", "k8s.io", "images", "import", "-")
_WORKLOADS = ("Deployment", "DaemonSet")


class ContainedAddOns:
    """The add-ons of one cluster."""

    def __init__(
        self,
        folder: ClusterFolder,
        record: Record,
        nodes: Sequence[Container],
        wait: Callable[[str, Callable[[], bool]], None],
    ) -> None:
        """Look after add-ons.

        Args:
            folder: the cluster's.
            record: what the cluster is to be.
            nodes: its containers.
            wait: waits until something holds, and names what was slow where it does not.
        """
        self._folder = folder
        self._files = AddOnFiles(folder, record.port)
        self._addons = existing(record.addons)
        self._nodes = nodes
        self._wait = wait

    def add(self, api: ApiServer) -> None:
        """Create what was not created yet, and wait until it runs.

        Raises:
            NotReadyError: an add-on was not ready in time.
            ClusterError: an image could not be put on a node, or the API server refused something.
        """
        added = [(addon, self._create(addon, api)) for addon in self._addons]
        for addon, workloads in added:
            for workload in workloads:
                path = f"{api.collection_of(workload)}/{workload['metadata']['name']}"
                self._wait(addon.name, partial(_runs, api, path))

    def _create(self, addon: AddOn, api: ApiServer) -> list[Manifest]:
        if self._files.added(addon):
            return []
        if addon.workload or addon.binary:
            self._load_image(addon)
        objects = objects_of(addon, self._files.values(addon), in_containers=True)
        create_objects(objects, api, self._wait)
        self._files.mark_added(addon)
        return [manifest for manifest in objects if manifest["kind"] in _WORKLOADS]

    def _load_image(self, addon: AddOn) -> None:
        if not addon.binaries:
            return
        (name,) = addon.binaries
        program = f"usr/bin/{name}"
        store = ImageStore()
        files = {program: ensure_binaries([name])[name]}
        image = add_scratch_image(store, addon.image, files, Runs(entrypoint=[f"/{program}"]))
        archive = save_archive(store, [image], self._folder.path / f"{addon.name}.tar")
        try:
            for node in self._nodes:
                with archive.open("rb") as file:
                    done = subprocess.run(
                        ["docker", "exec", "--interactive", node.id, *_IMPORT],
                        stdin=file,
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                if done.returncode != 0:
                    raise CommandError(
                        f"the image of {addon.name} cannot be put on {node.name}: "
                        f"{' '.join(done.stderr.split())[-300:]}"
                    )
        finally:
            archive.unlink()


def _runs(api: ApiServer, path: str) -> bool:
    found = api.get(path)
    status = found.get("status", {})
    if found["kind"] == "Deployment":
        return bool(status.get("availableReplicas", 0) >= found["spec"]["replicas"])
    wanted = status.get("desiredNumberScheduled", 0)
    return bool(wanted and status.get("numberReady", 0) >= wanted)
