"""Files of pinned Go modules, such as the definitions of an add-on's own kinds.

They are fetched with the modules, which `go.sum` verifies, and kept in the cache; a host that has
them there needs neither Go nor a network.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from clusters.addons.addon import AddOn, Objects
from clusters.binaries.build import module_folder
from clusters.binaries.lock import SOURCES
from clusters.errors import ClusterError
from clusters.file_lock import locked
from clusters.home import cache


def files_of(addon: AddOn, objects: Objects) -> list[Path]:
    """Return the files of some objects of an add-on, in the order of their names.

    Raises:
        PreflightError: they must be fetched, and this host has no Go.
        ClusterError: they cannot be fetched.
    """
    place = _kept(objects) if objects.module else addon.folder / objects.path
    return sorted(_yaml(place))


def missing_sources(addon: AddOn) -> list[str]:
    """Return the packages whose files would have to be fetched first."""
    return [o.package for o in addon.objects if o.module and not _place(o).exists()]


def _yaml(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from (path for path in place.glob("*.yaml") if path.name != "kustomization.yaml")
    elif place.is_file():
        yield place
    else:
        raise ClusterError(f"{place} is missing: the add-on's file names what is not there")


def _kept(objects: Objects) -> Path:
    place = _place(objects)
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.parent / ".lock"), tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        if not place.exists():
            found = module_folder(SOURCES / objects.module, objects.package) / objects.path
            copy = shutil.copytree if found.is_dir() else shutil.copyfile
            Path(copy(found, Path(scratch) / "kept")).rename(place)
    return place


def _place(objects: Objects) -> Path:
    """Return where files are kept; the path holds the version, so that another one is fetched."""
    pins = (SOURCES / objects.module / "go.mod").read_text(encoding="utf-8")
    version = re.search(
        rf"^\s*(?:require )?{re.escape(objects.package)} (v\S+)", pins, re.MULTILINE
    )
    if version is None:
        raise ClusterError(f"{objects.module}/go.mod does not pin {objects.package}")
    name = objects.package.replace("/", "_")
    return cache() / "modules" / f"{name}@{version[1]}" / objects.path
