"""NVIDIA's container toolkit on this host, and what Docker does with it.

What its programs print: nvidia-container-toolkit 1.18, `nvidia-ctk --version` and
`nvidia-ctk cdi list`; and Docker's `docker info`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CONFIG = Path("/etc/nvidia-container-runtime/config.toml")
_PATIENCE = 10.0
Ask = Callable[[list[str]], str]
"""Runs a program and returns what it printed, nothing where it failed."""


@dataclass(frozen=True)
class Toolkit:
    """What was found."""

    version: str = ""
    """Of the toolkit; empty without it."""
    cdi_devices: frozenset[str] = frozenset()
    """Names of NVIDIA's devices that CDI knows, for example `nvidia.com/gpu=all`."""
    default_runtime: str = ""
    """Docker's."""
    by_mount: bool = False
    """Whether a container may ask for GPUs by a mount, as nodes of kind must."""
    helm: str = ""
    """Path of helm, which installs NVIDIA's DRA driver."""


def installed_toolkit(ask: Ask | None = None, config: Path = CONFIG) -> Toolkit:
    """Look at the toolkit of this host; whatever is missing is empty."""
    ask = ask or _asked
    return Toolkit(
        version=_version(ask(["nvidia-ctk", "--version"])),
        cdi_devices=_devices(ask(["nvidia-ctk", "cdi", "list"])),
        default_runtime=ask(["docker", "info", "--format", "{{.DefaultRuntime}}"]).strip(),
        by_mount=_by_mount(config),
        helm=shutil.which("helm") or "",
    )


def _version(text: str) -> str:
    match = re.search(r"version (\d+(?:\.\d+)+)", text)
    return match[1] if match else ""


def _devices(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"^nvidia\.com/gpu=\S+$", text, re.MULTILINE))


def _by_mount(config: Path) -> bool:
    try:
        document = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return document.get("accept-nvidia-visible-devices-as-volume-mounts") is True


def _asked(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
