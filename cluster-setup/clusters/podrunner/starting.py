"""Starting: makes what the containers of one Pod need on this host, and starts them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from clusters.podrunner import links
from clusters.podrunner.addresses import NoAddress
from clusters.podrunner.containers import KILLED, NOT_STARTED, Container, Ended
from clusters.podrunner.environment import Surroundings, environment_of, expand
from clusters.podrunner.images import Image, path_of_binary, why_not_here
from clusters.podrunner.own_files import OWN_PROGRAMS, hostname_of, own_files
from clusters.podrunner.probes import Target
from clusters.podrunner.quantities import bytes_of
from clusters.podrunner.room import Room
from clusters.podrunner.sandbox.init import CANNOT_START
from clusters.podrunner.spawning import (
    Mark,
    SandboxError,
    Spawned,
    hold_pod,
    run_inside,
    start_container,
)
from clusters.podrunner.state import PodFolder, PodRecord
from clusters.podrunner.volumes import Sources, empty_dirs, held_as_text, mounts_of, write_volumes
from clusters.vllm import installed

_MIB = 2**20
_BESIDES = 256 * _MIB
_ROOT_SIZE = 64 * _MIB
_PATH = f"{OWN_PROGRAMS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LIMITS = {
    "RLIMIT_CORE": 0,
    "RLIMIT_FSIZE": 256 * _MIB,
    "RLIMIT_NOFILE": 4096,
    "RLIMIT_MEMLOCK": 2**16,
    "RLIMIT_MSGQUEUE": 2**16,
}
_PROCESSES = 256
_PROCESSES_OF_ALL = 2048
"""Where all Pods share one account with the cluster's own processes."""
_TIME = re.compile(r"^\S+ std(?:out|err) [FP] ")


class Unavailable(Exception):
    """A container cannot be started as things are; its status says why."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the reason, for example `ImagePullBackOff`."""
        self.reason = reason
        super().__init__(message)


class Starting:
    """What one Pod has on this host. All methods block; they are called one at a time."""

    def __init__(self, room: Room, uid: str) -> None:
        """Serve the Pod of this uid."""
        self.folder: PodFolder = room.folder_of(uid)
        self.address = ""
        """The Pod's address; empty before it has one."""
        record = self.folder.record()
        self.started_at = record.started_at if record else time.time()
        self._room = room
        self._uid = uid
        self._account = room.account_of(uid)
        self._holder: Spawned | None = None

    def adopt(self, holders: list[Spawned]) -> None:
        """Go on with namespaces that are there; of two the second is an accident."""
        for holder in holders:
            if self._holder is None and holder.alive:
                self._holder = holder
            else:
                holder.signal(9)
                holder.close()
        record = self.folder.record()
        if record is not None:
            self.address = self._room.address_for(self._uid, record.node, record.address)

    def prepare(self, pod: Mapping[str, Any]) -> None:
        """Make the Pod's folder, namespaces, address and volumes, where they are not there.

        Raises:
            Missing: something that a volume refers to is not there.
            SandboxError: the namespaces could not be made.
            LinkError: the kernel made no link.
            Unavailable: there is no room, or no address.
        """
        if self._holder is not None and self._holder.alive:
            return
        if self._holder is not None:
            self._let_go_of_holder()
        metadata, node = pod["metadata"], pod["spec"]["nodeName"]
        record = self.folder.record()
        try:
            known = record.address if record else ""
            self.address = self._room.address_for(self._uid, node, known)
        except NoAddress as error:
            raise Unavailable("ContainerCreating", str(error)) from error
        self.folder.make(
            PodRecord(metadata["namespace"], metadata["name"], node, self.address, self.started_at)
        )
        order = {
            "hostname": hostname_of(pod),
            "volumes": empty_dirs(pod, self.folder),
        }
        self.write_volumes(pod)
        holder = hold_pod(Mark(self._uid), self._room.folder, order)
        try:
            namespaces = holder.namespaces("net")
            try:
                links.join(self._uid, holder.pid, namespaces["net"], self.address)
            finally:
                os.close(namespaces["net"])
        except (OSError, links.LinkError):
            holder.signal(9)
            holder.close()
            raise
        self._holder = holder

    def write_volumes(self, pod: Mapping[str, Any]) -> None:
        """Write what the Pod's volumes should hold now.

        Raises:
            Missing: something that is not optional is not there.
        """
        namespace = pod["metadata"]["namespace"]
        view = self._room.view
        sources = Sources(
            self._with_addresses(pod),
            lambda kind, name: view.held(namespace, kind, name),
            lambda reference: view.token(pod, reference),
        )
        write_volumes(self.folder, sources, self._account)

    def start(self, pod: Mapping[str, Any], container: Container) -> Spawned:
        """Start the current attempt of a container.

        Raises:
            Missing: something that it refers to is not there.
            Unavailable: its image stands for nothing, or there is no room.
            SandboxError: it could not be started.
        """
        image = self._image(container)
        environment = self._environment(pod, container, image)
        command = _command(container.spec, image, environment)
        if self._holder is None:
            raise SandboxError("the Pod's namespaces are gone")
        if not self._room.enter(self._uid, container.name, image):
            raise Unavailable(
                "ContainerCreating",
                f"as many containers of this image run in this cluster as may at once, {image.most}"
                if image.most
                else "as many containers run in this cluster as may at once",
            )
        mark = Mark(self._uid, container.name, container.attempt)
        container.started_at = time.time()
        self.folder.begin(container.name, container.attempt, container.started_at)
        security = container.spec.get("securityContext") or {}
        order = {
            "folder": str(self.folder.container(container.name)),
            "attempt": str(container.attempt),
            "root": str(self.folder.root),
            "size": _ROOT_SIZE,
            "shm": image.shm * _MIB,
            "uid": self._account,
            "limits": self._limits(container, image),
            "shown": self._shown(image),
            "links": self._links(image),
            "files": own_files(pod, self.address, self._account or 0),
            "volumes": mounts_of(pod, container.spec, self.folder, environment, self._account),
            "directory": container.spec.get("workingDir") or image.directory,
            "read_only": bool(security.get("readOnlyRootFilesystem")),
            "environment": environment,
            "command": command,
        }
        try:
            return start_container(mark, self._room.folder, order, self._holder)
        except SandboxError:
            self._room.leave(self._uid, container.name)
            raise

    def ended(self, container: Container) -> Ended:
        """Return how the current attempt of a container ended."""
        self._room.leave(self._uid, container.name)
        result = self.folder.read(f"containers/{container.name}/{container.attempt}.json")
        now = time.time()
        if result is None:  # it was killed, and its first process with it
            reason = container.killed_for or "Error"
            return Ended(KILLED, container.started_at or now, now, reason)
        code, finished = int(result["exit_code"]), float(result["finished_at"])
        began = container.started_at or finished
        if code in (126, 127) and (words := self._not_executed(container)):
            return Ended(NOT_STARTED, began, finished, "StartError", words)
        return Ended(code, began, finished, "Completed" if code == 0 else "Error")

    def target(self, pod: Mapping[str, Any], container: Container) -> Target:
        """Return how probes reach a container."""
        ports = {
            port["name"]: port["containerPort"]
            for port in container.spec.get("ports") or ()
            if port.get("name")
        }
        return Target(
            self.address,
            self.open_network,
            lambda command, seconds: self._execute(pod, container, command, seconds),
            ports,
        )

    def open_network(self) -> int:
        """Open the Pod's network namespace; whoever calls closes it.

        Raises:
            OSError: the Pod has none.
        """
        if self._holder is None:
            raise ProcessLookupError("the Pod does not run")
        return self._holder.namespaces("net")["net"]

    def order_inside(
        self, pod: Mapping[str, Any], container: Container, command: list[str]
    ) -> dict[str, Any]:
        """Return the order for a further command in a container."""
        image = self._image(container)
        return {
            "uid": self._account,
            "limits": self._limits(container, image),
            "directory": container.spec.get("workingDir") or image.directory,
            "environment": self._environment(pod, container, image),
            "command": command,
        }

    def let_go(self) -> None:
        """End the Pod's namespaces, in which nothing runs any more; its logs stay."""
        self._let_go_of_holder()

    def remove(self) -> None:
        """Remove everything of the Pod."""
        self.let_go()
        self.folder.remove()
        self._room.give_back(self._uid)

    def _let_go_of_holder(self) -> None:
        if self._holder is not None:
            self._holder.signal(9)
            while self._holder.alive:
                time.sleep(0.002)
            self._holder.close()
            self._holder = None

    def _execute(
        self, pod: Mapping[str, Any], container: Container, command: list[str], seconds: float
    ) -> tuple[int, str]:
        process = container.process
        if process is None:
            raise ProcessLookupError("the container does not run")
        order = self.order_inside(pod, container, command)
        try:
            done = run_inside(process, order, seconds)
        except subprocess.TimeoutExpired:
            return 1, f"command timed out after {seconds:g}s"
        return done.returncode, done.stdout.decode(errors="replace").strip()

    def image_of(self, container: Container) -> Image | None:
        """Return what the image of a container stands for; None where it is not on the list."""
        return self._room.images.find(str(container.spec["image"]))

    def _image(self, container: Container) -> Image:
        reference = str(container.spec["image"])
        image = self.image_of(container)
        if image is None:
            known = ", ".join(self._room.images.names)
            raise Unavailable(
                "ImagePullBackOff",
                f'image "{reference}" stands for nothing in this cluster, whose containers are '
                f"processes of the host; use one of: {known}",
            )
        if reason := why_not_here(image):
            raise Unavailable("ImagePullBackOff", f'image "{reference}" {reason}')
        return image

    def _environment(
        self, pod: Mapping[str, Any], container: Container, image: Image
    ) -> dict[str, str]:
        metadata, spec = pod["metadata"], pod["spec"]
        view, namespace = self._room.view, metadata["namespace"]
        around = Surroundings(
            self._with_addresses(pod),
            held_as_text(lambda kind, name: view.held(namespace, kind, name)),
            view.services(namespace, all_of_them=spec.get("enableServiceLinks") is not False),
        )
        first = {"PATH": _PATH, "HOSTNAME": hostname_of(pod), "HOME": "/root", **image.env}
        return environment_of(container.spec, around, first)

    def _with_addresses(self, pod: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Pod as its containers are told of it."""
        node = self._room.node_address(pod["spec"]["nodeName"])
        addresses = {
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "hostIP": node,
            "hostIPs": [{"ip": node}],
        }
        return {**pod, "status": {**pod["status"], **addresses}}

    def _limits(self, container: Container, image: Image) -> dict[str, int]:
        processes = _PROCESSES_OF_ALL if self._account is None else _PROCESSES
        return {
            **_LIMITS,
            "RLIMIT_NPROC": processes,
            "RLIMIT_DATA": memory_of(container, image) + _BESIDES,
        }

    def _shown(self, image: Image) -> dict[str, str]:
        shown = dict(image.show)
        python = os.path.realpath(sys.base_prefix)
        if not python.startswith("/usr/"):
            shown[python] = python
        if image.binary and (path := path_of_binary(image)):
            shown[str(path)] = f"/opt/assay/images/{image.binary}"
        if image.setup:
            base = str(installed().base)
            shown |= {} if base.startswith("/usr/") else {base: base}
            shown |= installed().shown()
        return shown

    def _links(self, image: Image) -> dict[str, str]:
        python = os.path.realpath(sys.executable)
        links = {f"{OWN_PROGRAMS}/{name}": python for name in ("python3", "python")}
        if image.binary:
            links[f"{OWN_PROGRAMS}/{image.binary}"] = f"/opt/assay/images/{image.binary}"
        if image.setup:
            links |= installed().links(OWN_PROGRAMS)
        return links

    def _not_executed(self, container: Container) -> str:
        """Return why the program was not executed; empty where it was."""
        try:
            log = self.folder.log(container.name, container.attempt).read_text(errors="replace")
        except OSError:
            return ""
        words = _TIME.sub("", log.splitlines()[-1]) if log else ""
        return words if words.startswith(CANNOT_START) else ""


def memory_of(container: Container, image: Image) -> int:
    """Return how many bytes a container may use: its own limit, below that of its image."""
    most = image.memory * _MIB
    limits = (container.spec.get("resources") or {}).get("limits") or {}
    return min(bytes_of(str(limits["memory"])), most) if "memory" in limits else most


def _command(spec: Mapping[str, Any], image: Image, environment: Mapping[str, str]) -> list[str]:
    """Return what runs: the container's `command` and `args` go over the image's."""
    if own := spec.get("command"):
        words = [*own, *(spec.get("args") or ())]
    else:
        words = [*image.entrypoint, *(spec.get("args") or image.command)]
    return [expand(word, environment) for word in words]
