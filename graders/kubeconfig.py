"""Kubeconfig: where an API server is, and how to be somebody there.

`read_access` takes what is needed out of a kubeconfig file. It is plain text, so that whoever may
read the file can hand it to a process that may not; `Access.open` makes it usable there. Keys are
given to OpenSSL in memory, so that a killed process leaves none on disk.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from graders.errors import CredentialRefused
from graders.remembered import remembered

_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Dial = Callable[[], socket.socket]
"""Returns a new connection to the API server. Raises OSError."""


@dataclass(frozen=True)
class Kubeconfig:
    """One API server, as one user."""

    server: str
    """Base URL of the API server."""
    tls: ssl.SSLContext
    """Trusts the cluster's CA only, and carries the client certificate."""
    token: str = ""
    """Bearer token; empty where a client certificate is used."""
    dial: Dial | None = None
    """Connects to it; by its address when None."""


class Access(BaseModel):
    """What a kubeconfig says, with its secrets: never to be logged or stored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: str
    authority: str
    """PEM certificates of the cluster's CA."""
    certificate: str = ""
    """PEM certificate of the client; empty where a token is used."""
    key: str = ""
    token: str = ""

    def __repr__(self) -> str:
        """Return where it leads and nothing of the secrets."""
        return f"Access({self.server!r})"

    def open(self, dial: Dial | None = None) -> Kubeconfig:
        """Return it ready for use.

        Raises:
            CredentialRefused: the certificates cannot be used.
        """
        try:
            return Kubeconfig(self.server, self._tls_context(), self.token, dial)
        except (ValueError, ssl.SSLError) as error:
            raise CredentialRefused("The grader's kubeconfig is not complete") from error

    def _tls_context(self) -> ssl.SSLContext:
        if not self.authority:
            raise ValueError("without an authority OpenSSL would trust the system's")
        context = ssl.create_default_context(cadata=self.authority)
        if self.certificate:
            memory = os.memfd_create("client")
            with open(memory, "wb") as pem:
                pem.write(f"{self.certificate}\n{self.key}".encode())
                pem.flush()
                context.load_cert_chain(f"/proc/self/fd/{memory}")
        return context


def load_kubeconfig(path: Path) -> Kubeconfig:
    """Read the current context of a kubeconfig; raises like `read_access`."""
    return read_access(path).open()


@remembered
def read_access(path: Path) -> Access:
    """Read the current context of a kubeconfig.

    Raises:
        CredentialRefused: the file cannot be read or lacks something; the sentence holds no secret.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_YAML)
        context = _named(document, "contexts", "context", document["current-context"])
        cluster = _named(document, "clusters", "cluster", context["cluster"])
        user = _named(document, "users", "user", context["user"])
        return Access(
            server=cluster["server"].rstrip("/"),
            authority=_pem(cluster, "certificate-authority", path.parent),
            certificate=_pem(user, "client-certificate", path.parent),
            key=_pem(user, "client-key", path.parent),
            token=user.get("token", ""),
        )
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CredentialRefused(f"The grader's kubeconfig cannot be used: {reason}") from error
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CredentialRefused("The grader's kubeconfig is not complete") from error


def _named(document: Mapping[str, Any], section: str, key: str, name: str) -> dict[str, Any]:
    (entry,) = (entry[key] for entry in document[section] if entry["name"] == name)
    return dict(entry)


def _pem(section: Mapping[str, Any], key: str, base: Path) -> str:
    if inline := str(section.get(f"{key}-data", "")):
        return base64.b64decode(inline).decode("ascii")
    if name := str(section.get(key, "")):
        return base.joinpath(name).read_text(encoding="ascii")
    return ""
