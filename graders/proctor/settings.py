"""Settings of the proctor, read from the environment in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from clusters.errors import InputInvalid
from graders.proctor.queue import PATIENCE

GRADINGS = 4 * (os.cpu_count() or 2)
"""Gradings at once, if nothing else is said: they wait for clusters more than they compute."""


@dataclass(frozen=True)
class Settings:
    """The settings of the proctor."""

    host: str
    """Address to listen on; the hub's proxy is the only way in from elsewhere."""
    port: int
    prefix: str
    """Where the proctor is mounted; no slash at the end."""
    api_url: str
    """The hub's API."""
    api_token: str = field(repr=False)
    """The proctor's own token at the hub."""
    patience: float
    """Seconds a start waits for a place before it is sent away."""
    gradings: int = GRADINGS
    """How many gradings run at once; others wait for their turn."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings from environment variables.

    Raises:
        InputInvalid: with a sentence for each variable that is missing or wrong.
    """
    needed = ("JUPYTERHUB_SERVICE_URL", "JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN")
    problems = [
        f"{name} is not set: the hub starts the proctor, `assay up`"
        for name in needed
        if not environment.get(name)
    ]
    patience = environment.get("ASSAY_QUEUE_SECONDS") or str(PATIENCE)
    if not patience.isdecimal():
        problems.append(f"ASSAY_QUEUE_SECONDS: must be a whole number, not {patience!r}")
    gradings = environment.get("ASSAY_GRADINGS") or str(GRADINGS)
    if not gradings.isdecimal() or int(gradings) < 1:
        problems.append(f"ASSAY_GRADINGS: must be a number from 1, not {gradings!r}")
    address = urlsplit(environment.get("JUPYTERHUB_SERVICE_URL", ""))
    if not problems and (not address.hostname or not address.port):
        problems.append("JUPYTERHUB_SERVICE_URL: must be like http://127.0.0.1:20000")
    if problems:
        raise InputInvalid(problems)
    return Settings(
        host=str(address.hostname),
        port=int(address.port or 0),
        prefix=environment.get("JUPYTERHUB_SERVICE_PREFIX", "/services/proctor/").rstrip("/"),
        api_url=environment["JUPYTERHUB_API_URL"].rstrip("/"),
        api_token=environment["JUPYTERHUB_API_TOKEN"],
        patience=float(patience),
        gradings=int(gradings),
    )
