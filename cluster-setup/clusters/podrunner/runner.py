"""Runner: follows the Pods of a cluster, and gives each one that is bound to a node a worker."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import httpx

from clusters.podrunner.addresses import NoAddress, free_node_address
from clusters.podrunner.api import Refused
from clusters.podrunner.memory import SECONDS, memory_below
from clusters.podrunner.pod import PodWorker
from clusters.podrunner.room import Room
from clusters.podrunner.spawning import Mark, Spawned, found_of
from clusters.podrunner.starting import memory_of

_PODS, _NODES = "/api/v1/pods", "/api/v1/nodes"
_AGAIN = 0.5
_LOG = logging.getLogger(__name__)


class NotAllowed(Exception):
    """The runner's rights are gone; whoever repairs the cluster gives them again."""


class Runner:
    """All Pods of a cluster."""

    def __init__(self, room: Room) -> None:
        """Run Pods in a room."""
        self._room = room
        self._workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._done: set[str] = set()

    def worker(self, namespace: str, name: str) -> PodWorker | None:
        """Return the worker of a Pod; None where none runs."""
        for worker in self._workers.values():
            metadata = worker.pod["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, name):
                return worker
        return None

    async def run(self) -> None:
        """Follow nodes and Pods, for ever.

        Raises:
            NotAllowed: the API server does not let the runner see them.
        """
        nodes = await self._list(_NODES)
        for node in nodes["items"]:
            await self._see_node(node)
        pods = await self._list(_PODS)
        await self._adopt(pods["items"])
        await asyncio.gather(
            self._follow(_NODES, nodes), self._follow(_PODS, pods), self._watch_memory()
        )

    async def _list(self, path: str) -> dict[str, Any]:
        while True:
            try:
                return await self._room.api.get(path)
            except Refused as error:
                if error.status == httpx.codes.FORBIDDEN:
                    raise NotAllowed(str(error)) from error
                _LOG.warning("%s: %s", path, error)
            except httpx.TransportError as error:
                _LOG.warning("%s: %s", path, error)
            await asyncio.sleep(_AGAIN)

    async def _follow(self, path: str, listed: dict[str, Any]) -> None:
        see = self._see_pod_event if path == _PODS else self._see_node_event
        while True:
            version = listed["metadata"]["resourceVersion"]
            try:
                async for event in self._room.api.watch(path, version):
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        await see(event)
                listed = {"metadata": {"resourceVersion": version}}
                continue
            except (Refused, httpx.TransportError) as error:
                _LOG.info("watch of %s: %s", path, error)
            await asyncio.sleep(_AGAIN)
            listed = await self._list(path)
            await self._see_all(path, listed["items"])

    async def _see_all(self, path: str, items: list[dict[str, Any]]) -> None:
        """Take what a list says for what happened while nobody watched."""
        if path == _NODES:
            self._room.nodes.clear()
            for node in items:
                await self._see_node(node)
            return
        present = {pod["metadata"]["uid"] for pod in items}
        for uid, worker in list(self._workers.items()):
            if uid not in present:
                worker.forget()
        self._done &= present
        for pod in items:
            self._see_pod(pod)

    async def _see_node_event(self, event: Mapping[str, Any]) -> None:
        if event["type"] == "DELETED":
            self._room.nodes.pop(event["object"]["metadata"]["name"], None)
        else:
            await self._see_node(event["object"])

    async def _see_node(self, node: dict[str, Any]) -> None:
        """Take note of a node, and write what it has not told of: an address, and its images."""
        name = node["metadata"]["name"]
        self._room.nodes[name] = node
        lacking: dict[str, Any] = {}
        if not self._room.node_address(name):
            taken = [self._room.node_address(other) for other in self._room.nodes]
            try:
                address = {"type": "InternalIP", "address": free_node_address(taken)}
                lacking["addresses"] = [address]
            except NoAddress as error:
                _LOG.warning("node %s: %s", name, error)
        if not node.get("status", {}).get("images"):
            lacking["images"] = [{"names": [tag]} for tag in self._room.images.tags]
        if not lacking:
            return
        try:
            path = f"{_NODES}/{name}/status"
            self._room.nodes[name] = await self._room.api.patch(path, {"status": lacking})
        except (Refused, httpx.TransportError) as error:
            _LOG.warning("node %s: %s", name, error)

    async def _see_pod_event(self, event: Mapping[str, Any]) -> None:
        pod = event["object"]
        if event["type"] == "DELETED":
            uid = pod["metadata"]["uid"]
            self._done.discard(uid)
            if uid in self._workers:
                self._workers[uid].forget()
        else:
            self._see_pod(pod)

    def _see_pod(self, pod: dict[str, Any]) -> None:
        uid = pod["metadata"]["uid"]
        if uid in self._workers:
            self._workers[uid].see(pod)
        elif pod["spec"].get("nodeName") and uid not in self._done:
            self._begin(PodWorker(pod, self._room))

    def _begin(self, worker: PodWorker) -> None:
        self._workers[worker.uid] = worker
        task = asyncio.ensure_future(worker.run())
        self._tasks[worker.uid] = task
        task.add_done_callback(lambda done: self._end(worker, done))

    def _end(self, worker: PodWorker, task: asyncio.Task[None]) -> None:
        self._workers.pop(worker.uid, None)
        self._tasks.pop(worker.uid, None)
        if not worker.gone:  # a finalizer may keep it; nothing is to start of it again
            self._done.add(worker.uid)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("the worker of Pod %s died", worker.uid, exc_info=error)

    async def _adopt(self, pods: list[dict[str, Any]]) -> None:
        """Go on with what another runner left, and end what belongs to no Pod."""
        found: dict[str, list[tuple[Mark, Spawned]]] = defaultdict(list)
        for mark, spawned in found_of(self._room.folder):
            found[mark.pod].append((mark, spawned))
        bound = {p["metadata"]["uid"]: p for p in pods if p["spec"].get("nodeName")}
        for uid in found.keys() - bound.keys():
            for _, spawned in found[uid]:
                spawned.signal(9)
                spawned.close()
        if self._room.pods.is_dir():
            for path in self._room.pods.iterdir():
                if path.name not in bound:
                    self._room.folder_of(path.name).remove()
        for uid, pod in bound.items():
            worker = PodWorker(pod, self._room)
            worker.adopt(found.get(uid, []))
            self._begin(worker)

    async def _watch_memory(self) -> None:
        """Kill containers that use more memory than they may."""
        while True:
            await asyncio.sleep(SECONDS)
            for worker in list(self._workers.values()):
                for container in worker.containers:
                    process, image = container.process, worker.place.image_of(container)
                    if process is None or image is None:
                        continue
                    if memory_below(process.pid) > memory_of(container, image):
                        worker.kill_for(container, "OOMKilled")
