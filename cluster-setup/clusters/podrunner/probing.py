"""Probing: follows the probes of one running container, and says what they mean."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from clusters.podrunner.containers import Container
from clusters.podrunner.probes import Answer, Target, ask

InThread = Callable[..., Awaitable[Any]]
Unhealthy = Callable[[Container, str, str], None]
"""Told of a probe that failed: the container, the kind of probe, and what it found."""


class Probing:
    """The probes of one attempt of a container."""

    def __init__(
        self,
        container: Container,
        target: Target,
        in_thread: InThread,
        changed: Callable[[], None],
        unhealthy: Unhealthy,
    ) -> None:
        """Prepare the probes; `begin` starts them.

        Args:
            container: what is probed; its `started` and `ready` follow.
            target: how it is reached.
            in_thread: runs what blocks.
            changed: called when the container's state is another.
            unhealthy: called when a probe has failed; not for a startup probe that still may.
        """
        self._container = container
        self._target = target
        self._in_thread = in_thread
        self._changed = changed
        self._unhealthy = unhealthy
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Start probing."""
        container = self._container
        if container.started or container.probe("startupProbe") is None:
            self._start_others()
        else:
            self._follow(self._until_started(container.spec["startupProbe"]))

    def end(self) -> None:
        """Stop probing."""
        for task in self._tasks:
            task.cancel()

    def _start_others(self) -> None:
        container = self._container
        container.started = True
        container.ready = container.probe("readinessProbe") is None
        if probe := container.probe("readinessProbe"):
            self._follow(self._readiness(probe))
        if probe := container.probe("livenessProbe"):
            self._follow(self._liveness(probe))
        self._changed()

    async def _until_started(self, probe: Mapping[str, Any]) -> None:
        failures, allowed = 0, int(probe.get("failureThreshold") or 3)
        await asyncio.sleep(float(probe.get("initialDelaySeconds") or 0))
        while True:
            answer = await self._ask(probe)
            if answer.holds:
                self._start_others()
                return
            failures += not answer.stale
            if failures >= allowed:
                self._unhealthy(self._container, "Startup", answer.message)
                return
            await self._pause(probe)

    async def _readiness(self, probe: Mapping[str, Any]) -> None:
        counts = {True: int(probe.get("successThreshold") or 1)}
        counts[False] = int(probe.get("failureThreshold") or 3)
        in_a_row, last = 0, False
        await asyncio.sleep(float(probe.get("initialDelaySeconds") or 0))
        while True:
            answer = await self._ask(probe)
            if not answer.stale:
                in_a_row = in_a_row + 1 if answer.holds is last else 1
                last = answer.holds
                self._judge(answer, in_a_row >= counts[answer.holds])
            await self._pause(probe)

    def _judge(self, answer: Answer, enough: bool) -> None:
        if not answer.holds:
            self._unhealthy(self._container, "Readiness", answer.message)
        if enough and self._container.ready is not answer.holds:
            self._container.ready = answer.holds
            self._changed()

    async def _liveness(self, probe: Mapping[str, Any]) -> None:
        failures, allowed = 0, int(probe.get("failureThreshold") or 3)
        await asyncio.sleep(float(probe.get("initialDelaySeconds") or 0))
        while True:
            answer = await self._ask(probe)
            failures = 0 if answer.holds else failures + (not answer.stale)
            if failures >= allowed:
                self._unhealthy(self._container, "Liveness", answer.message)
                return
            await self._pause(probe)

    async def _ask(self, probe: Mapping[str, Any]) -> Answer:
        answer: Answer = await self._in_thread(ask, probe, self._target)
        return answer

    async def _pause(self, probe: Mapping[str, Any]) -> None:
        await asyncio.sleep(float(probe.get("periodSeconds") or 10))

    def _follow(self, work: Any) -> None:
        self._tasks.append(asyncio.ensure_future(work))
