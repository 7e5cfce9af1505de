"""The volumes of a Pod: what they hold, and where a container sees them."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusters.podrunner.environment import Held, Missing, expand, field_of, resource_of
from clusters.podrunner.quantities import bytes_of
from clusters.podrunner.state import PodFolder

SMALLEST_VOLUME = 2**20
LARGEST_VOLUME = 256 * 2**20
"""Bytes of an emptyDir, which lies in memory."""
_USUAL_VOLUME = 64 * 2**20
_USUAL_MODE = 0o644

Token = Callable[[Mapping[str, Any]], str]
"""Returns a token for a `serviceAccountToken` projection."""


@dataclass(frozen=True)
class Content:
    """One file of a volume."""

    data: bytes
    mode: int


@dataclass(frozen=True)
class Sources:
    """Where what volumes hold comes from."""

    pod: Mapping[str, Any]
    held: Callable[[str, str], Mapping[str, bytes] | None]
    token: Token


def empty_dirs(pod: Mapping[str, Any], folder: PodFolder) -> list[dict[str, Any]]:
    """Return the volumes that the Pod's holder mounts, and make their places."""
    orders = []
    for volume in pod["spec"].get("volumes") or ():
        if _is_empty_dir(volume):
            path = folder.volume(volume["name"])
            path.mkdir(mode=0o700, exist_ok=True)
            asked = (volume.get("emptyDir") or {}).get("sizeLimit")
            size = bytes_of(str(asked)) if asked else _USUAL_VOLUME
            size = min(max(size, SMALLEST_VOLUME), LARGEST_VOLUME)
            orders.append({"path": str(path), "size": size})
    return orders


def write_volumes(folder: PodFolder, sources: Sources, uid: int | None) -> None:
    """Write what every volume but an emptyDir holds now, and only what differs.

    Args:
        folder: the Pod's.
        sources: where it comes from.
        uid: account that the files belong to; None keeps the runner's.

    Raises:
        Missing: something that is not optional is not there.
    """
    for volume in sources.pod["spec"].get("volumes") or ():
        if (contents := contents_of(volume, sources)) is not None:
            _write(folder.volume(volume["name"]), contents, uid)


def contents_of(volume: Mapping[str, Any], sources: Sources) -> dict[str, Content] | None:
    """Return the files of a volume; None for a kind that the runner does not write.

    Raises:
        Missing: something that is not optional is not there.
    """
    for key in ("configMap", "secret", "downwardAPI"):
        if key in volume:
            mode = volume[key].get("defaultMode") or _USUAL_MODE
            return _projected({key: volume[key]}, sources, mode)
    if "projected" not in volume:
        return None
    mode = volume["projected"].get("defaultMode") or _USUAL_MODE
    found: dict[str, Content] = {}
    for source in volume["projected"].get("sources") or ():
        found |= _projected(source, sources, mode)
    return found


def mounts_of(
    pod: Mapping[str, Any],
    container: Mapping[str, Any],
    folder: PodFolder,
    environment: Mapping[str, str],
    uid: int | None,
) -> list[dict[str, Any]]:
    """Return what the sandbox mounts for a container; only an emptyDir can be written."""
    volumes = pod["spec"].get("volumes") or ()
    writable = {volume["name"] for volume in volumes if _is_empty_dir(volume)}
    return [
        {
            "source": str(folder.volume(mounted["name"])),
            "sub_path": mounted.get("subPath")
            or expand(mounted.get("subPathExpr") or "", environment),
            "target": os.path.normpath(mounted["mountPath"]),
            "read_only": bool(mounted.get("readOnly")) or mounted["name"] not in writable,
            "uid": uid,
        }
        for mounted in container.get("volumeMounts") or ()
    ]


def held_as_text(held: Callable[[str, str], Mapping[str, bytes] | None]) -> Held:
    """Return what environments take: text; what is none is left out."""

    def as_text(kind: str, name: str) -> Mapping[str, str] | None:
        content = held(kind, name)
        if content is None:
            return None
        return {key: data.decode(errors="replace") for key, data in content.items()}

    return as_text


def data_of(document: Mapping[str, Any]) -> dict[str, bytes]:
    """Return what a ConfigMap or Secret holds."""
    if document["kind"] == "Secret":
        return {k: base64.b64decode(v) for k, v in (document.get("data") or {}).items()}
    text = {k: v.encode() for k, v in (document.get("data") or {}).items()}
    binary = {k: base64.b64decode(v) for k, v in (document.get("binaryData") or {}).items()}
    return {**text, **binary}


def _projected(source: Mapping[str, Any], sources: Sources, mode: int) -> dict[str, Content]:
    if reference := source.get("serviceAccountToken"):
        return {reference["path"]: Content(sources.token(reference).encode(), mode)}
    if reference := source.get("downwardAPI"):
        return {
            item["path"]: _told(item, sources.pod, mode) for item in reference.get("items") or ()
        }
    for kind, key in (("ConfigMap", "configMap"), ("Secret", "secret")):
        if (reference := source.get(key)) is not None:
            return _of_held(kind, reference, sources, mode)
    raise Missing(f"a projection of {', '.join(source)} is not available here")


def _told(item: Mapping[str, Any], pod: Mapping[str, Any], mode: int) -> Content:
    mode = item.get("mode") or mode
    if field := item.get("fieldRef"):
        return Content(field_of(pod, field["fieldPath"]).encode(), mode)
    reference = item["resourceFieldRef"]
    named = [c for c in pod["spec"]["containers"] if c["name"] == reference["containerName"]]
    if not named:
        raise Missing(f"there is no container {reference['containerName']}")
    return Content(resource_of(named[0], reference).encode(), mode)


def _of_held(
    kind: str, reference: Mapping[str, Any], sources: Sources, mode: int
) -> dict[str, Content]:
    name = reference.get("name") or reference.get("secretName") or ""
    content = sources.held(kind, name)
    if content is None:
        if reference.get("optional"):
            return {}
        raise Missing(f'{kind.lower()} "{name}" not found')
    items = reference.get("items")
    if not items:
        return {key: Content(data, mode) for key, data in content.items()}
    found = {}
    for item in items:
        if item["key"] in content:
            found[item["path"]] = Content(content[item["key"]], item.get("mode") or mode)
        elif not reference.get("optional"):
            raise Missing(f"couldn't find key {item['key']} in {kind} {name}")
    return found


def _write(place: Path, contents: Mapping[str, Content], uid: int | None) -> None:
    """Make a folder hold these files: paths come from the API server, which lets none climb."""
    place.mkdir(mode=0o755, exist_ok=True)
    wanted = {os.path.normpath(path): content for path, content in contents.items()}
    for path, content in wanted.items():
        if path.startswith(("/", "..")):
            raise Missing(f"path {path} leads out of its volume")
        _write_file(place / path, content, uid)
    for found in [each for each in place.rglob("*") if each.is_file()]:
        if str(found.relative_to(place)) not in wanted:
            found.unlink()


def _write_file(path: Path, content: Content, uid: int | None) -> None:
    if path.is_file() and path.read_bytes() == content.data:
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    with open(unfinished, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content.data)
        os.fchmod(file.fileno(), content.mode & 0o777)
        if uid is not None:
            os.fchown(file.fileno(), uid, uid)
    if path.is_dir():
        shutil.rmtree(path)
    unfinished.replace(path)


def _is_empty_dir(volume: Mapping[str, Any]) -> bool:
    return "emptyDir" in volume or len(volume) == 1
