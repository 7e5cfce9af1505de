"""The folders of an installation.

`ASSAY_HOME` holds state (clusters, database, keys, evidence); it must survive.
`ASSAY_CACHE` holds what can be made again (the Kubernetes binaries); it is outside any clone.
Both follow the XDG base directory specification where they are not set.
"""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the state folder (`ASSAY_HOME`, default `$XDG_STATE_HOME/assay`), made private."""
    return _private(home_path())


def home_path() -> Path:
    """Return where the state folder is, without making it."""
    return _folder("ASSAY_HOME", "XDG_STATE_HOME", ".local/state")


def cache() -> Path:
    """Return the cache folder (`ASSAY_CACHE`, default `$XDG_CACHE_HOME/assay`)."""
    path = cache_path()
    path.mkdir(parents=True, exist_ok=True)
    return path


def cache_path() -> Path:
    """Return where the cache folder is, without making it."""
    return _folder("ASSAY_CACHE", "XDG_CACHE_HOME", ".cache")


def _folder(variable: str, xdg_variable: str, xdg_default: str) -> Path:
    if value := os.environ.get(variable):
        return Path(value).expanduser().absolute()
    base = os.environ.get(xdg_variable) or Path.home() / xdg_default
    return Path(base) / "assay"


def _private(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
