"""Files of add-ons: certificates, credentials, and the folder of each process."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import yaml

from clusters.addons import AddOn
from clusters.addons.addon import Account, Process
from clusters.addons.objects import fill
from clusters.addons.serving import make_pair
from clusters.errors import ClusterError
from clusters.providers.embedded.api import ApiServer
from clusters.providers.embedded.credentials import server_at
from clusters.providers.embedded.folder import ClusterFolder

ADDRESS = "10.97.0.1"
"""Address inside the walls that add-ons listen at; beside the ranges of Services and Pods."""
FRONT_PROXY = "front-proxy"
"""Name of the certificate that the API server shows to those that it calls."""
_TOKEN_SECONDS = 365 * 24 * 3600


class AddOnFiles:
    """Writes what the processes of a cluster's add-ons read."""

    def __init__(self, folder: ClusterFolder, port: int) -> None:
        """Write below the folder of a cluster whose API server has this port."""
        self._folder = folder
        self._port = port

    def added(self, addon: AddOn) -> bool:
        """Say whether the objects of an add-on were created once."""
        return (self._folder.path / "addons" / f"{addon.name}.added").exists()

    def mark_added(self, addon: AddOn) -> None:
        """Write that the objects of an add-on were created."""
        self._folder.write_files({f"addons/{addon.name}.added": addon.version.encode()})

    def write_front_proxy(self) -> None:
        """Write what the API server shows to those that it calls, unless it is there."""
        path = f"pki/{FRONT_PROXY}"
        if not (self._folder.path / f"{path}.key").exists():
            certificate, key = make_pair(FRONT_PROXY)
            self._folder.write_files({f"{path}.crt": certificate, f"{path}.key": key})

    def values(self, addon: AddOn, component: str = "", node: str = "") -> dict[str, str]:
        """Return what the names in the text of an add-on stand for in this cluster."""
        certificate, key = self._certificate(addon)
        return {
            "address": ADDRESS,
            "port": str(self._port),
            "folder": f"addons/{component or addon.name}",
            "pki": "pki",
            "node": node,
            "image": addon.image,
            "ca": base64.b64encode(certificate).decode(),
            "key": base64.b64encode(key).decode(),
        }

    def write_folder(
        self, addon: AddOn, process: Process, component: str, values: Mapping[str, str]
    ) -> None:
        """Write the files that a process reads, and make the folders that it looks for."""
        folder = self._folder.path / "addons" / component
        for path in (folder, *(folder / name for name in process.folders)):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in process.files:
            text = fill((addon.folder / name).read_text(encoding="utf-8"), values)
            self._folder.write_files({f"addons/{component}/{name}": text.encode()})

    def write_credential(self, component: str, account: Account, api: ApiServer) -> None:
        """Write a kubeconfig with a fresh token; the last one stays where its account is gone.

        Raises:
            ClusterError: there is no such account and never was.
        """
        folder = f"addons/{component}"
        try:
            token = api.token_of(account.namespace, account.name, _TOKEN_SECONDS)
        except ClusterError:
            if (self._folder.path / folder / "kubeconfig").exists():
                return
            raise
        authority = (self._folder.path / "pki/ca.crt").read_bytes()
        document = _kubeconfig(self._port, authority, account, token)
        self._folder.write_files(
            {
                f"{folder}/kubeconfig": yaml.safe_dump(document, sort_keys=False).encode(),
                f"{folder}/token": token.encode(),
                f"{folder}/ca.crt": authority,
            }
        )

    def _certificate(self, addon: AddOn) -> tuple[bytes, bytes]:
        """Return the certificate that an add-on serves with, made when there is none yet."""
        if addon.process is None or not addon.process.serves:
            return b"", b""
        folder = self._folder.path / "pki" / addon.name
        if not (folder / "tls.crt").exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            certificate, key = make_pair(addon.name, addon.process.serves, ADDRESS)
            prefix = f"pki/{addon.name}/tls"
            # The certificate comes last: where it is, its key is too.
            self._folder.write_files({f"{prefix}.key": key, f"{prefix}.crt": certificate})
        return (folder / "tls.crt").read_bytes(), (folder / "tls.key").read_bytes()


def _kubeconfig(port: int, authority: bytes, account: Account, token: str) -> dict[str, Any]:
    encoded = base64.b64encode(authority).decode()
    cluster = {"server": server_at(port), "certificate-authority-data": encoded}
    context = {"cluster": "cluster", "user": account.name, "namespace": account.namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "cluster",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "contexts": [{"name": "cluster", "context": context}],
        "users": [{"name": account.name, "user": {"token": token}}],
    }
