"""Images as other programs know them: their configuration, and archives of them.

An archive is both a docker-archive (`docker load`, `kind load image-archive`, `ctr images import`)
and an OCI image layout: `manifest.json` and `index.json` name the same blobs.
https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clusters.binaries.lock import host_platform
from clusters.images.layer import Layer, Writer
from clusters.images.store import Blob, BlobWriter, Image, ImageStore

_EPOCH = "1970-01-01T00:00:00Z"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Runs:
    """What a container of an image runs when nobody says otherwise."""

    entrypoint: Sequence[str] = ()
    user: str = ""
    """Name or uid[:gid]; empty means root."""
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""


def new_image(store: ImageStore, reference: str, layers: Sequence[Blob], runs: Runs) -> Image:
    """Make an image of layers that are in the store; `store.tag` makes it stay there."""
    return Image(reference, store.add_bytes(_config(layers, runs)), tuple(layers))


def add_scratch_image(
    store: ImageStore, reference: str, files: Mapping[str, Path | bytes], runs: Runs
) -> Image:
    """Make an image of nothing but these files, without Docker: one layer, the same every time.

    Args:
        store: where it goes.
        reference: for example `docker.io/assay/epp:v1.5.0`.
        files: path in the image -> a program of this host, or the content of a file.
        runs: what it starts.
    """

    def write(writer: BlobWriter) -> None:
        with Layer(writer) as layer:
            add_accounts(layer)
            _add_all(layer, files, 0o755)

    with store.adding():
        return store.tag(new_image(store, reference, [store.add(write)], runs))


def add_accounts(layer: Layer) -> None:
    """Add what programs expect of any root: accounts, and a place for temporary files."""
    layer.folder("tmp", 0o1777)
    layer.data(
        "etc/passwd", b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    )
    layer.data("etc/group", b"root:x:0:\nnogroup:x:65534:\n")


def write_archive(store: ImageStore, images: Iterable[Image], writer: Writer) -> None:
    """Write one archive of several images; what they have in common is in it once."""
    images = list(images)
    files: dict[str, bytes | Path] = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"})}
    manifests = []
    for image in images:
        manifest = manifest_of(image)
        digest = hashlib.sha256(manifest).hexdigest()
        files[_blob(digest)] = manifest
        files |= {_blob(blob.sha256): store.path(blob) for blob in image.blobs}
        annotations = {"io.containerd.image.name": full_name(image.reference)}
        manifests.append(
            {**_descriptor(_MANIFEST, digest, len(manifest)), "annotations": annotations}
        )
    files["index.json"] = _json({"schemaVersion": 2, "manifests": manifests})
    files["manifest.json"] = _json([_docker_manifest(image) for image in images])
    with Layer(writer) as archive:
        _add_all(archive, files, 0o644)


def save_archive(store: ImageStore, images: Iterable[Image], to: Path) -> Path:
    """Write an archive to a file, for example for `kind load image-archive`."""
    with to.open("wb") as file:
        write_archive(store, images, file)
    return to


def full_name(reference: str) -> str:
    """Return a reference as containerd knows it: with its registry."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return reference
    return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"


def _add_all(layer: Layer, files: Mapping[str, Path | bytes], mode: int) -> None:
    for path, source in sorted(files.items()):
        if isinstance(source, bytes):
            layer.data(path, source)
        else:
            layer.file(path, source, mode)


def _config(layers: Sequence[Blob], runs: Runs) -> bytes:
    system, _, architecture = host_platform().partition("/")
    env = [_PATH, *(f"{name}={value}" for name, value in sorted(runs.env.items()))]
    config: dict[str, Any] = {"Env": env, "Entrypoint": list(runs.entrypoint), "WorkingDir": "/"}
    if runs.user:
        config["User"] = runs.user
    if runs.stop_signal:
        config["StopSignal"] = runs.stop_signal
    return _json(
        {
            "architecture": architecture,
            "os": system,
            "created": _EPOCH,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{b.sha256}" for b in layers]},
            "history": [{"created": _EPOCH, "created_by": "assay images build"} for _ in layers],
        }
    )


def manifest_of(image: Image) -> bytes:
    """Return the OCI manifest of an image; its digest names the image in registries."""
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, image.config.sha256, image.config.size),
            "layers": [_descriptor(_LAYER, b.sha256, b.size) for b in image.layers],
        }
    )


def _docker_manifest(image: Image) -> dict[str, Any]:
    return {
        "Config": _blob(image.config.sha256),
        "RepoTags": [image.reference],
        "Layers": [_blob(layer.sha256) for layer in image.layers],
    }


def _descriptor(media_type: str, sha256: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{sha256}", "size": size}


def _blob(sha256: str) -> str:
    return f"blobs/sha256/{sha256}"


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
