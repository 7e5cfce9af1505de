"""FakeKubelet: plays the kubelet and the container runtime of one node, by their own rules.

After kubelet 1.37: pluginmanager (registration), cm/dra/plugin (choice of service) and
cm/dra/manager.go (what an answer to NodePrepareResources must hold); and after CDI 0.6.0 (merging).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from clusters.accelerators.plugin import NodePlace
from clusters.accelerators.plugin.api import dra_pb2, health_pb2, registration_pb2
from tests.clusters.accelerators.desk import wait_until

SERVICES = ("v1.DRAPlugin", "v1beta1.DRAPlugin")
HEALTH_SERVICES = ("v1.DRAResourceHealth", "v1alpha1.DRAResourceHealth")
ANSWER_SECONDS = 45.0


@dataclass
class Container:
    """What a container would be started with."""

    env: dict[str, str] = field(default_factory=dict)
    device_nodes: dict[str, str] = field(default_factory=dict)
    """Path on the node by the path in the container."""
    files: dict[str, Any] = field(default_factory=dict)
    """What can be read, parsed, by the path in the container."""


@dataclass
class FakeKubelet:
    """One node: its folders on the host, and what the driver said in its registration."""

    place: NodePlace
    driver: str
    endpoint: Path | None = None
    health_service: str = ""

    def register(self) -> registration_pb2.PluginInfo:
        """Find the driver by its socket and take it, as a kubelet does."""
        socket = self.place.registry / f"{self.driver}-reg.sock"
        wait_until(socket.is_socket)
        with _connected(socket) as channel:
            ask = _unary(channel, "/pluginregistration.Registration/GetInfo")
            info = registration_pb2.PluginInfo.FromString(ask(registration_pb2.InfoRequest()))
            assert info.type == "DRAPlugin"
            assert info.name == self.driver
            assert [one for one in info.supported_versions if one in SERVICES]
            chosen = [one for one in info.supported_versions if one in HEALTH_SERVICES]
            self.health_service = chosen[0]
            prefix = "/var/lib/kubelet/plugins/"
            assert info.endpoint.startswith(prefix)
            self.endpoint = self.place.plugins / info.endpoint.removeprefix(prefix)
            tell = _unary(channel, "/pluginregistration.Registration/NotifyRegistrationStatus")
            tell(registration_pb2.RegistrationStatus(plugin_registered=True))
        return info

    def answers(self, claims: list[dict[str, Any]]) -> dict[str, Any]:
        """Call NodePrepareResources once, and return the entry of each claim by its uid."""
        request = dra_pb2.NodePrepareResourcesRequest(claims=[_claim(one) for one in claims])
        answer = dra_pb2.NodePrepareResourcesResponse.FromString(
            self._call("NodePrepareResources", request)
        )
        entries = dict(answer.claims)
        assert entries.keys() == {claim["metadata"]["uid"] for claim in claims}
        return entries

    def prepare(self, claim: dict[str, Any]) -> list[dra_pb2.Device]:
        """Prepare one claim and return its devices; fail where the driver refuses."""
        entry = self.answers([claim])[claim["metadata"]["uid"]]
        assert not entry.error, entry.error
        return list(entry.devices)

    def refusal(self, claim: dict[str, Any]) -> str:
        """Return why a claim cannot be prepared."""
        return str(self.answers([claim])[claim["metadata"]["uid"]].error)

    def unprepare(self, *claims: dict[str, Any]) -> dict[str, str]:
        """Call NodeUnprepareResources, and return the error of each claim by its uid."""
        request = dra_pb2.NodeUnprepareResourcesRequest(claims=[_claim(one) for one in claims])
        answer = dra_pb2.NodeUnprepareResourcesResponse.FromString(
            self._call("NodeUnprepareResources", request)
        )
        return {uid: entry.error for uid, entry in answer.claims.items()}

    @contextmanager
    def health(self) -> Iterator[Iterator[dict[str, str]]]:
        """Watch the health of the devices; yields a report for each piece of news."""
        assert self.endpoint
        with _connected(self.endpoint) as channel:
            stream: Any = channel.unary_stream(f"/{self.health_service}/NodeWatchResources")
            call = stream(b"", timeout=ANSWER_SECONDS)
            yield (
                {
                    device.device.device_name: health_pb2.HealthStatus.Name(device.health)
                    for device in health_pb2.NodeWatchResourcesResponse.FromString(news).devices
                }
                for news in call
            )
            call.cancel()

    def container(self, devices: list[dra_pb2.Device], request: str = "") -> Container:
        """Return what a container gets that uses a request of a claim, or the whole claim."""
        wanted = [
            name
            for device in devices
            if not request or request in [one.split("/")[0] for one in device.request_names]
            for name in device.cdi_device_ids
        ]
        return self._merged(wanted)

    def cdi_files(self) -> list[Path]:
        return sorted(self.place.cdi.glob("*.json"))

    def _merged(self, wanted: list[str]) -> Container:
        container = Container()
        found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        for path in self.cdi_files():
            spec = json.loads(path.read_text(encoding="utf-8"))
            assert spec["cdiVersion"] == "0.6.0"
            for device in spec["devices"]:
                name = f"{spec['kind']}={device['name']}"
                assert name not in found, "CDI drops devices whose name stands in two files"
                found[name] = (spec, device)
        for name in wanted:
            spec, device = found[name]
            for edits in (spec["containerEdits"], device["containerEdits"]):
                self._apply(edits, container)
        return container

    def _apply(self, edits: dict[str, Any], container: Container) -> None:
        container.env |= dict(entry.split("=", 1) for entry in edits.get("env", ()))
        for node in edits.get("deviceNodes", ()):
            container.device_nodes[node["path"]] = node["hostPath"]
        for mount in edits.get("mounts", ()):
            assert "ro" in mount["options"]
            prefix = "/var/lib/kubelet/plugins/"
            path = self.place.plugins / mount["hostPath"].removeprefix(prefix)
            container.files[mount["containerPath"]] = json.loads(path.read_text(encoding="utf-8"))

    def _call(self, method: str, request: Any) -> bytes:
        assert self.endpoint
        with _connected(self.endpoint) as channel:
            path = f"/k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin/{method}"
            return bytes(_unary(channel, path)(request))


@contextmanager
def _connected(socket: Path) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        yield channel


def _unary(channel: grpc.Channel, path: str) -> Any:
    call: Any = channel.unary_unary(path)
    return lambda message: call(
        message.SerializeToString(), timeout=ANSWER_SECONDS, wait_for_ready=True
    )


def _claim(claim: dict[str, Any]) -> dra_pb2.Claim:
    metadata = claim["metadata"]
    return dra_pb2.Claim(
        namespace=metadata["namespace"], name=metadata["name"], uid=metadata["uid"]
    )
