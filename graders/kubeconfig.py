"""Kubeconfig: where an API server is, and how to be somebody there.

Keys given inline are on disk only while OpenSSL reads them, so that a killed process leaves none.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from graders.errors import CredentialRefused


@dataclass(frozen=True)
class Kubeconfig:
    """The current context of a kubeconfig file."""

    server: str
    """Base URL of the API server."""
    tls: ssl.SSLContext
    """Trusts the cluster's CA only, and carries the client certificate."""
    token: str = ""
    """Bearer token; empty where a client certificate is used."""


def load_kubeconfig(path: Path) -> Kubeconfig:
    """Read the current context of a kubeconfig.

    Raises:
        CredentialRefused: the file cannot be read or lacks something; the sentence holds no secret.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        context = _named(document, "contexts", "context", document["current-context"])
        cluster = _named(document, "clusters", "cluster", context["cluster"])
        user = _named(document, "users", "user", context["user"])
        return Kubeconfig(
            server=cluster["server"].rstrip("/"),
            tls=_tls_context(cluster, user, path.parent),
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


def _tls_context(cluster: Mapping[str, Any], user: Mapping[str, Any], base: Path) -> ssl.SSLContext:
    authority = _pem(cluster, "certificate-authority", base)
    context = ssl.create_default_context(cadata=authority.decode("ascii"))
    certificate = _pem(user, "client-certificate", base)
    if certificate:
        with tempfile.NamedTemporaryFile(prefix="assay-") as pem:
            pem.write(certificate + b"\n" + _pem(user, "client-key", base))
            pem.flush()
            context.load_cert_chain(pem.name)
    return context


def _pem(section: Mapping[str, Any], key: str, base: Path) -> bytes:
    if inline := str(section.get(f"{key}-data", "")):
        return base64.b64decode(inline)
    if name := str(section.get(key, "")):
        return base.joinpath(name).read_bytes()
    return b""
