"""The two ways to start a cluster that are measured beside each other."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import yaml

from clusters.accelerators import device_classes, node_objects, resource_slices
from clusters.binaries import ensure_binaries
from clusters.inventory import default_inventory
from clusters.providers.embedded import EmbeddedProvider


class Peer(ABC):
    """One way to start a cluster."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that creates the cluster."""

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """Return what the command needs in its environment."""

    @abstractmethod
    def kubeconfig(self) -> Path:
        """Return where the administrator's kubeconfig will be."""

    @abstractmethod
    def delete(self) -> None:
        """Delete the cluster."""

    @abstractmethod
    def prepare(self, api: httpx.Client) -> None:
        """Bring a started cluster to two nodes of eight devices."""

    def processes(self) -> list[psutil.Process]:
        """Return the processes of the cluster: all that name its folder in their environment."""
        marked = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.folder) in " ".join([*process.environ().values(), *process.cmdline()]):
                    marked.append(process)
        return [process for process in marked if process.pid != os.getpid()]


class Assay(Peer):
    """`assay cluster create` with the embedded provider."""

    name = "assay"

    def command(self) -> list[str]:
        """Return the command that creates the cluster."""
        return [
            str(Path(sys.executable).with_name("assay")),
            "cluster",
            "create",
            "--name",
            "bench",
        ]

    def environment(self) -> dict[str, str]:
        """Return what the command needs in its environment."""
        return {**os.environ, "ASSAY_HOME": str(self.folder)}

    def kubeconfig(self) -> Path:
        """Return where the administrator's kubeconfig will be."""
        return self.folder / "clusters" / "bench" / "learner.kubeconfig"

    def delete(self) -> None:
        """Delete the cluster."""
        EmbeddedProvider(self.folder / "clusters").delete("bench")

    def prepare(self, api: httpx.Client) -> None:
        """Do nothing: the default inventory is what is measured."""


class Kwokctl(Peer):
    """`kwokctl create cluster --runtime binary`, told to stay on loopback and off rate limits."""

    name = "kwokctl"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        names = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
        self._binaries = ensure_binaries([*names, "kwokctl", "kubectl"])
        options = {"bindAddress": "127.0.0.1", "kubectlBinary": str(self._binaries["kubectl"])}
        document = {
            "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
            "kind": "KwokctlConfiguration",
            "options": options,
        }
        (folder / "kwokctl.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    def command(self) -> list[str]:
        """Return the command that creates the cluster."""
        components = {
            "etcd": "etcd",
            "kube-apiserver": "kube-apiserver",
            "kube-controller-manager": "kube-controller-manager",
            "kube-scheduler": "kube-scheduler",
            "kwok-controller": "kwok",
        }
        binaries = [f"--{name}-binary={self._binaries[of]}" for name, of in components.items()]
        return [
            *self._kwokctl("create"),
            "--runtime=binary",
            "--disable-qps-limits",
            *binaries,
        ]

    def environment(self) -> dict[str, str]:
        """Return what the command needs in its environment."""
        return {
            "HOME": str(self.folder),
            "KWOK_WORKDIR": str(self.folder / "kwok"),
            "PATH": os.environ["PATH"],
        }

    def kubeconfig(self) -> Path:
        """Return where the administrator's kubeconfig will be."""
        return self.folder / "kwok" / "clusters" / "bench" / "kubeconfig.yaml"

    def delete(self) -> None:
        """Delete the cluster."""
        subprocess.run(
            self._kwokctl("delete"), env=self.environment(), check=True, capture_output=True
        )

    def prepare(self, api: httpx.Client) -> None:
        """Add the nodes, the devices and their class."""
        inventory = default_inventory()
        for node in node_objects(inventory, "v1.37.2", datetime.now(UTC)):
            api.post("/api/v1/nodes", json=node).raise_for_status()
        resources = "/apis/resource.k8s.io/v1"
        for devices in resource_slices(inventory, "bench"):
            api.post(f"{resources}/resourceslices", json=devices).raise_for_status()
        for one in device_classes(inventory):
            api.post(f"{resources}/deviceclasses", json=one).raise_for_status()

    def _kwokctl(self, verb: str) -> list[str]:
        config = str(self.folder / "kwokctl.yaml")
        return [
            str(self._binaries["kwokctl"]),
            verb,
            "cluster",
            f"--config={config}",
            "--name=bench",
        ]
