"""PodWorker: brings one Pod to what it should be, and keeps it there until it is gone."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx

from clusters.podrunner import probes
from clusters.podrunner.adoption import log_of, statuses_by_name, take_up
from clusters.podrunner.api import Refused
from clusters.podrunner.containers import (
    KILLED,
    NOT_STARTED,
    Container,
    Ended,
    Role,
    Waiting,
    containers_of,
    restarts,
)
from clusters.podrunner.environment import Missing
from clusters.podrunner.links import LinkError
from clusters.podrunner.probing import Probing
from clusters.podrunner.refusals import refusals
from clusters.podrunner.room import Room
from clusters.podrunner.spawning import Mark, SandboxError, Spawned
from clusters.podrunner.starting import Starting, Unavailable
from clusters.podrunner.statuses import FINAL_PHASES, Place, differs, patch_of, status_of

_AGAIN = 2.0
"""Seconds until something that was missing is looked for again."""
_LATER = 30.0
_VOLUMES = 15.0
"""Seconds between two looks at what volumes should hold."""
_GRACE = 30.0
_LOG = logging.getLogger(__name__)

T = TypeVar("T")


class PodWorker:
    """One Pod. What it knows besides the Pod is in its folder and in the process table."""

    def __init__(self, pod: Mapping[str, Any], room: Room) -> None:
        """Work on a Pod that is bound to a node.

        Args:
            pod: as the API server has it.
            room: what all Pods share.
        """
        self.pod = pod
        self.uid: str = pod["metadata"]["uid"]
        self.containers = containers_of(pod)
        self.gone = False
        """Whether the API server has no such Pod any more."""
        self._room = room
        self._starting = Starting(room, self.uid)
        self._probing: dict[str, Probing] = {}
        self._wake = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._volumes_at = 0.0
        self._background: set[asyncio.Task[Any]] = set()

    # --- what others tell it

    def see(self, pod: Mapping[str, Any]) -> None:
        """Take note of the Pod as it is now; an older one than is known is ignored."""
        if _version(pod) >= _version(self.pod):
            self.pod = pod
            self._wake.set()

    def forget(self) -> None:
        """Take note that the Pod is gone."""
        self.gone = True
        self._wake.set()

    def adopt(self, found: list[tuple[Mark, Spawned]]) -> None:
        """Go on with what a runner before this one has left."""
        holders = [spawned for mark, spawned in found if not mark.container]
        self._starting.adopt(holders)
        running = {(mark.container, mark.attempt): spawned for mark, spawned in found}
        told = statuses_by_name(self.pod)
        for container in self.containers:
            if not take_up(container, told.get(container.name, {}), self._starting.folder):
                continue
            process = running.get((container.name, container.attempt))
            if process is not None and process.alive:
                self._room.enter(self.uid, container.name, self._starting.image_of(container))
                self._watch(container, process)
                continue
            self._note_end(container)
            if container.ended is not None and container.ended.exit_code == KILLED:
                container.not_before = 0.0  # its host ended it: that is no failure of its own

    @property
    def place(self) -> Starting:
        """What the Pod has on this host."""
        return self._starting

    def log_of(self, name: str, *, previous: bool) -> tuple[Path | None, Callable[[], bool]]:
        """Return the log of a container, and what says whether more may come."""
        return log_of(self.containers, self._starting.folder, name, previous=previous)

    # --- its life

    async def run(self) -> None:
        """Work until the Pod is gone and nothing of it is left."""
        while True:
            self._wake.clear()
            try:
                pause = await self._step()
            except (Refused, httpx.TransportError, Missing, OSError) as error:
                _LOG.warning("%s: %s", self._title, error)
                pause = _AGAIN
            except Exception:  # whatever a Pod asks for, it must not stop its worker
                _LOG.exception(self._title)
                pause = _LATER
            if pause is None:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    async def _step(self) -> float | None:
        """Do what can be done now; return how long nothing else is due, None when all is over."""
        if self.gone or self.pod["metadata"].get("deletionTimestamp"):
            return await self._leave()
        if self.pod["status"].get("phase") in FINAL_PHASES:
            await self._clear()
            return 3600.0
        if problems := refusals(self.pod):
            waiting = Waiting("CreateContainerConfigError", "; ".join(problems))
            return await self._wait_all(waiting, 60.0)
        if self._past_deadline():
            await self._end_containers(_GRACE)
            await self._report({"reason": "DeadlineExceeded"}, failed=True)
            return 0.0
        try:
            await self._in_thread(self._starting.prepare, self.pod)
        except (Missing, SandboxError, LinkError, Unavailable) as error:
            self._tell("Warning", "FailedCreatePodSandBox", str(error))
            return await self._wait_all(Waiting("ContainerCreating", str(error)), _AGAIN)
        pause = await self._start_what_is_due()
        await self._report()
        await self._refresh_volumes()
        return min(pause, _VOLUMES)

    async def _wait_all(self, waiting: Waiting, pause: float) -> float:
        for container in self.containers:
            if not container.running and container.ended is None:
                if container.waiting != waiting and waiting.message:
                    self._tell("Warning", "Failed", waiting.message)
                container.waiting = waiting
        await self._report()
        return pause

    async def _start_what_is_due(self) -> float:
        """Start containers in their order, and return how long until the next is due."""
        pause = 3600.0
        first = [c for c in self.containers if c.role is not Role.MAIN]
        for container in first:
            pause = min(pause, await self._bring_up(container))
            done = container.ended is not None and container.ended.exit_code == 0
            waits = not container.started if container.role is Role.SIDECAR else not done
            if waits:
                return pause
        for container in self.containers:
            if container.role is Role.MAIN:
                pause = min(pause, await self._bring_up(container))
        return pause

    async def _bring_up(self, container: Container) -> float:
        if container.running:
            return 3600.0
        if container.ended is not None:
            if not restarts(container, self.pod):
                return 3600.0
            self._begin_again(container)
        if (left := container.not_before - time.monotonic()) > 0:
            return left
        try:
            process = await self._in_thread(self._starting.start, self.pod, container)
        except Missing as error:
            return self._postpone(container, "CreateContainerConfigError", str(error))
        except Unavailable as error:
            return self._postpone(container, error.reason, str(error))
        except SandboxError as error:
            now = time.time()
            container.started_at = now
            container.ended = Ended(NOT_STARTED, now, now, "StartError", str(error))
            self._after_end(container)
            return 0.0
        self._watch(container, process)
        self._tell("Normal", "Started", f"Started container {container.name}")
        return 3600.0

    def _postpone(self, container: Container, reason: str, message: str) -> float:
        if container.waiting != Waiting(reason, message):
            self._tell("Warning", "Failed", f"container {container.name}: {message}")
        container.waiting = Waiting(reason, message)
        container.not_before = time.monotonic() + _AGAIN
        return _AGAIN

    def _begin_again(self, container: Container) -> None:
        assert container.ended is not None
        container.last_ended, container.ended = container.ended, None
        container.attempt, container.started_at = container.attempt + 1, 0.0
        delay = container.not_before - time.monotonic()
        if delay > 0:
            name, last = container.name, container.last_ended
            container.waiting = Waiting(
                "CrashLoopBackOff",
                f"back-off {container.back_off.current:.0f}s restarting failed container={name} "
                f"(exit code {last.exit_code})",
            )
            self._tell("Warning", "BackOff", f"Back-off restarting failed container {name}")
        else:
            container.waiting = Waiting("ContainerCreating")

    # --- processes

    def _watch(self, container: Container, process: Spawned) -> None:
        """Follow a process that runs: its end, and its probes."""
        container.process = process
        container.started_at = container.started_at or time.time()
        loop = asyncio.get_running_loop()
        loop.add_reader(process.descriptor, self._hear_end, container, process)
        if container.role is Role.INIT:
            container.started = True
            return
        target = self._starting.target(self.pod, container)
        probing = Probing(container, target, self._in_thread, self._wake.set, self._unhealthy)
        self._probing[container.name] = probing
        probing.begin()
        hook = (container.spec.get("lifecycle") or {}).get("postStart")
        if hook:
            self._spawn_task(self._run_post_start(container, target, hook))

    async def _run_post_start(
        self, container: Container, target: probes.Target, hook: Mapping[str, Any]
    ) -> None:
        answer = await self._in_thread(probes.run_hook, hook, target, _GRACE)
        if not answer.holds:
            self._tell("Warning", "FailedPostStartHook", answer.message)
            await self._end_container(container, _GRACE)

    def _hear_end(self, container: Container, process: Spawned) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(process.descriptor)
        process.close()
        if container.process is process:
            container.process = None
            self._note_end(container)
        self._wake.set()

    def _note_end(self, container: Container) -> None:
        """Note how an attempt ended, from what its first process has written."""
        if (probing := self._probing.pop(container.name, None)) is not None:
            probing.end()
        container.ended = self._starting.ended(container)
        self._after_end(container)

    def _after_end(self, container: Container) -> None:
        assert container.ended is not None
        container.process, container.ready, container.started = None, False, False
        container.killed_for = ""
        ran = container.ended.finished_at - container.ended.started_at
        container.not_before = time.monotonic() + container.back_off.ended(ran)
        if container.ended.exit_code:
            _LOG.info("%s: %s: %s", self._title, container.name, container.ended)

    def _unhealthy(self, container: Container, kind: str, message: str) -> None:
        self._tell("Warning", "Unhealthy", f"{kind} probe failed: {message}")
        if kind != "Readiness":
            self._tell("Normal", "Killing", f"Container {container.name} failed {kind} probe")
            self._spawn_task(self._end_container(container, self._grace))

    def kill_for(self, container: Container, reason: str) -> None:
        """Kill a container at once, for a reason that its status tells."""
        if container.process is not None:
            container.killed_for = reason
            container.process.signal(signal.SIGKILL)

    # --- the end

    @property
    def _grace(self) -> float:
        return float(self.pod["spec"].get("terminationGracePeriodSeconds") or _GRACE)

    async def _leave(self) -> float | None:
        """End everything, gracefully while there is time, and let the API server forget the Pod."""
        metadata = self.pod["metadata"]
        grace = 0.0 if self.gone else float(metadata.get("deletionGracePeriodSeconds") or 0)
        await self._end_containers(grace)
        if self._starting.folder.record() is not None:  # another runner may have told it all
            await self._report(leaving=True)
        await self._clear()
        if not self.gone:
            path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
            await self._room.api.delete(path, self.uid)
        await self._in_thread(self._starting.remove)
        self._room.view.forget(self.uid)
        return None

    async def _end_containers(self, grace: float) -> None:
        for roles in ((Role.MAIN, Role.INIT), (Role.SIDECAR,)):
            ends = [self._end_container(c, grace) for c in self.containers if c.role in roles]
            await asyncio.gather(*ends)

    async def _end_container(self, container: Container, grace: float) -> None:
        process = container.process
        if process is None:
            return
        deadline = time.monotonic() + grace
        hook = (container.spec.get("lifecycle") or {}).get("preStop")
        if hook and grace:
            target = self._starting.target(self.pod, container)
            with suppress(TimeoutError):
                waiting = self._in_thread(probes.run_hook, hook, target, grace)
                await asyncio.wait_for(waiting, grace)
        if container.process is process:
            process.signal(signal.SIGTERM)
        while container.process is process and time.monotonic() < deadline and not self.gone:
            await asyncio.sleep(0.05)
        if container.process is process:
            process.signal(signal.SIGKILL)
        while container.process is process:
            await asyncio.sleep(0.01)

    async def _clear(self) -> None:
        """Take down the Pod's namespaces, with all that runs in them."""
        await self._end_containers(0.0)
        await self._in_thread(self._starting.let_go)

    # --- what it tells

    async def _report(
        self, extra: Mapping[str, Any] | None = None, *, failed: bool = False, leaving: bool = False
    ) -> None:
        """Write the Pod's status where it is another than it should be."""
        if self.gone:
            return
        place = Place(
            self._starting.address,
            self._room.node_address(self.pod["spec"]["nodeName"]),
            self._starting.started_at,
        )
        status = status_of(self.pod, self.containers, place, ending=leaving or failed)
        if failed:
            status = {**status, "phase": "Failed"}
        status = {**status, **(extra or {})}
        if not differs(self.pod, status):
            return
        metadata = self.pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        body = {"metadata": {"uid": self.uid}, "status": patch_of(status)}
        try:
            self.see(await self._room.api.patch(path, body))
        except Refused as error:
            if error.status not in (httpx.codes.NOT_FOUND, httpx.codes.CONFLICT):
                raise

    async def _refresh_volumes(self) -> None:
        if time.monotonic() - self._volumes_at < _VOLUMES:
            return
        self._volumes_at = time.monotonic()
        with suppress(Missing):  # what was there stays
            await self._in_thread(self._starting.write_volumes, self.pod)

    def _past_deadline(self) -> bool:
        deadline = self.pod["spec"].get("activeDeadlineSeconds")
        began = self._starting.started_at
        return bool(deadline and began and time.time() - began > deadline)

    def _tell(self, kind: str, reason: str, message: str) -> None:
        self._spawn_task(self._room.view.tell(self.pod, kind, reason, message))

    @property
    def _title(self) -> str:
        return f"{self.pod['metadata']['namespace']}/{self.pod['metadata']['name']}"

    def _spawn_task(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._room.threads, lambda: work(*arguments))


def _version(pod: Mapping[str, Any]) -> int:
    return int(pod["metadata"].get("resourceVersion") or 0)
