"""The world of the chaos run: an installation of its own, and what ought to be in it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.grading_platform import LABS
from clusters.broker import Broker
from clusters.broker.lease_book import LeaseBook
from clusters.provider import Cluster, ClusterProvider, provider_named
from graders.ledger import Ledger, open_ledger
from graders.proctor.secret import spawner_secret

LAB = "bench-simple"
ASSAY = Path(sys.executable).with_name("assay")
PLATFORM_MARK = "ASSAY_INSTALLATION"
COMMAND_SECONDS = 900.0
POOL = "apiVersion: assay.dev/v1\nkind: Pool\npools:\n- {min: 1, max: 2}\n"
"""One cluster waits ready, so that leases come from the pool as well as made anew."""


@dataclass
class World:
    """One installation, struck from all sides. Only its own processes are touched."""

    home: Path
    provider: ClusterProvider
    ledger: Ledger
    port: int
    wanted: set[str] = field(default_factory=set)
    """Clusters that somebody made by hand and did not delete."""
    unsure: set[str] = field(default_factory=set)
    """Clusters whose maker or deleter was killed: there or not, but never half."""
    said: str = ""
    """The last line on standard error of the newest command that ended badly."""
    problems: list[str] = field(default_factory=list)
    """What went wrong on the way, beyond what was done on purpose."""

    @cached_property
    def leases(self) -> LeaseBook:
        """Who has which cluster, as the broker knows it."""
        return Broker(self.ledger.engine, self.provider).leases

    @property
    def environment(self) -> dict[str, str]:
        """What the commands run with."""
        return {
            **os.environ,
            "ASSAY_HOME": str(self.home),
            "ASSAY_LABS": str(LABS),
            "ASSAY_PORT": str(self.port),
            "ASSAY_PROVIDER": self.provider.name,
        }

    def assay(self, *words: str, killed_after: float | None = None) -> bool:
        """Run a command as it is typed; return whether it ended well.

        Args:
            words: what is typed after `assay`.
            killed_after: seconds after which it is killed, unless it has ended.
        """
        process = subprocess.Popen(
            [ASSAY, *words],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _, said = process.communicate(timeout=killed_after or COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            if killed_after is None:
                self.problems.append(f"assay {' '.join(words)}: did not end")
            return False
        if "Traceback" in said:
            self.problems.append(f"assay {' '.join(words)}: {said.splitlines()[-1]}")
        if process.returncode:
            self.said = (said.strip().splitlines() or ["nothing"])[-1]
        return process.returncode == 0

    def clusters(self) -> list[Cluster]:
        """Return what the provider lists."""
        return list(self.provider.list())

    def ask_for_lab(self, learner: str, seconds: float) -> dict[str, Any] | None:
        """Ask the proctor for a lab, as the hub does; give up after so many seconds."""
        url = f"http://127.0.0.1:{self.port}/services/proctor/attempts"
        bearer = {"Authorization": f"Bearer {spawner_secret()}"}
        deadline = time.monotonic() + seconds
        last: dict[str, Any] = {}
        try:
            with (
                httpx.Client(timeout=seconds, trust_env=False, headers=bearer) as client,
                client.stream("POST", url, json={"learner": learner, "lab": LAB}) as answer,
            ):
                for line in answer.iter_lines():
                    last = json.loads(line)
                    if time.monotonic() > deadline:
                        return None
        except (httpx.HTTPError, ValueError):
            return None
        return last.get("attempt")

    def close_notebook(self, learner: str) -> None:
        """Tell the proctor that a learner's notebook was closed, as the hub does."""
        url = f"http://127.0.0.1:{self.port}/services/proctor/pauses"
        bearer = {"Authorization": f"Bearer {spawner_secret()}"}
        with suppress(httpx.HTTPError):  # it is dead just now, or slow
            body = {"learner": learner, "lab": LAB}
            httpx.post(url, json=body, headers=bearer, timeout=30, trust_env=False)

    def platform_processes(self, word: str = "") -> list[psutil.Process]:
        """Return the platform's own processes, those whose command line has a word in it."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("ASSAY_HOME") == str(self.home)
                marked = PLATFORM_MARK in process.environ()
                if ours and marked and word in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found


@contextmanager
def world(provider: str) -> Iterator[World]:
    """Make an installation with a running platform; nothing of it is left afterwards."""
    home = Path(f"/tmp/chaos-{secrets.token_hex(3)}")
    home.mkdir(mode=0o700)
    before = os.environ.get("ASSAY_HOME")
    os.environ["ASSAY_HOME"] = str(home)
    (home / "pool.yaml").write_text(POOL, encoding="utf-8")
    here = World(home, provider_named(provider), open_ledger(), _free_port())
    try:
        yield here
    finally:
        here.assay("down", "--clusters", "delete")
        for cluster in here.clusters():
            here.provider.delete(cluster.name)
        here.ledger.close()
        os.environ.pop("ASSAY_HOME")
        if before is not None:
            os.environ["ASSAY_HOME"] = before
        shutil.rmtree(home, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
