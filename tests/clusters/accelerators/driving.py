"""The driver's process on this host, serving FakeKubelets beside a real control plane."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusters.accelerators.plugin import NodePlace, Settings
from clusters.provider import Cluster
from tests.clusters.accelerators.desk import DRIVER, EVERYTHING, Desk, wait_until
from tests.clusters.accelerators.fake_kubelet import FakeKubelet

KILLED_BEFORE_ITS_ANSWER = """
import os, signal, sys
from pathlib import Path
from clusters.accelerators.plugin import driver, process
write = driver.PreparedClaims.write
def write_and_die(self, claim, devices):
    write(self, claim, devices)
    os.kill(os.getpid(), signal.SIGKILL)
driver.PreparedClaims.write = write_and_die
process.main(Path(sys.argv[1]))
"""
"""A driver that dies when a claim is prepared, and has not been told so."""


@dataclass
class Driving:
    """A cluster, the folders of its nodes, and the driver."""

    desk: Desk
    cluster: Cluster
    settings: Settings
    file: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self, program: str = "") -> None:
        """Start the driver; what is sent to it waits until it serves."""
        start = ("-c", program) if program else ("-m", "clusters.accelerators.plugin")
        with (self.file.parent / "driver.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *start, str(self.file)], stdout=log, stderr=log
            )

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the driver by a signal and return its exit status."""
        assert self.process
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait until the driver has ended and return its exit status."""
        assert self.process
        status = self.process.wait(30)
        self.process = None
        return status

    def log(self) -> str:
        return (self.file.parent / "driver.log").read_text(encoding="utf-8")

    def kubelet(self, node: str) -> FakeKubelet:
        """Return the kubelet of a node, which has taken the driver."""
        kubelet = FakeKubelet(self.settings.places[node], DRIVER)
        kubelet.register()
        return kubelet

    def claim(self, requests: list[dict[str, Any]], **devices: Any) -> dict[str, Any]:
        """Return a claim that the scheduler has allocated for a Pod."""
        name = self.desk.claim(requests, **devices)
        wait_until(lambda: self.desk.results(name))
        return self.desk.read_claim(name)

    def clear_up(self) -> None:
        """End the driver, and delete every claim."""
        if self.process:
            self.process.kill()
            self.process.wait()
        for claim in self.desk.claims():
            self.desk.release(claim)


@contextmanager
def driving(desk: Desk, cluster: Cluster, folder: Path) -> Iterator[Driving]:
    """Write the settings of a driver for a cluster, and end what was started with them."""
    places = {}
    for node in EVERYTHING.nodes:
        place = NodePlace(*(folder / node.name / name for name in ("plugins", "registry", "cdi")))
        for path in (place.plugins, place.registry, place.cdi):
            path.mkdir(parents=True)
        places[node.name] = place
    pki = cluster.kubeconfig.parent / "pki"
    settings = Settings(
        cluster=cluster.name,
        server=str(desk.api.base_url),
        authority=pki / "ca.crt",
        certificate=pki / "platform.pem",
        inventory=EVERYTHING,
        places=places,
        states=folder / "states.json",
    )
    file = folder / "settings.json"
    settings.write(file)
    driving = Driving(desk, cluster, settings, file)
    try:
        yield driving
    finally:
        driving.clear_up()


def names_in(folder: Path) -> set[str]:
    """Return everything in a folder but sockets."""
    return {name for name in os.listdir(folder) if not name.endswith(".sock")}
