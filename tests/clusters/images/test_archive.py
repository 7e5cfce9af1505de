"""An archive is what Docker, kind and containerd read, and names itself after what is in it."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from clusters.images.archive import (
    Runs,
    add_scratch_image,
    full_name,
    manifest_of,
    save_archive,
)
from clusters.images.store import ImageStore


def read(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {m.name: f.read() for m in archive if (f := archive.extractfile(m))}


def document(files: dict[str, bytes], name: str) -> Any:
    return json.loads(files[name])


@pytest.fixture
def program(tmp_path: Path) -> Path:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    return program


def test_a_program_becomes_an_image_that_starts_it(
    store: ImageStore, program: Path, tmp_path: Path
) -> None:
    runs = Runs(["/epp"], user="65532", env={"MODE": "fast"}, stop_signal="SIGINT")
    image = add_scratch_image(store, "docker.io/assay/epp:v1", {"epp": program}, runs)

    files = read(save_archive(store, [image], tmp_path / "epp.tar"))

    [entry] = document(files, "manifest.json")
    assert entry["RepoTags"] == ["docker.io/assay/epp:v1"]
    config = document(files, entry["Config"])
    assert config["config"]["Entrypoint"] == ["/epp"]
    assert config["config"]["User"] == "65532"
    assert config["config"]["Env"][1:] == ["MODE=fast"]
    assert config["config"]["StopSignal"] == "SIGINT"
    with tarfile.open(fileobj=io.BytesIO(files[entry["Layers"][0]])) as layer:
        assert layer.getmember("epp").mode == 0o755
        assert layer.getmember("tmp").mode == 0o1777


def test_every_blob_is_what_it_is_named_after(
    store: ImageStore, program: Path, tmp_path: Path
) -> None:
    images = [
        add_scratch_image(store, f"{name}:1", {name: program}, Runs([f"/{name}"]))
        for name in ("one", "two")
    ]

    files = read(save_archive(store, images, tmp_path / "both.tar"))

    blobs = {n: data for n, data in files.items() if n.startswith("blobs/sha256/")}
    assert len(blobs) == 6
    assert all(hashlib.sha256(data).hexdigest() == n[13:] for n, data in blobs.items())


def test_docker_and_oci_readers_find_the_same_blobs(
    store: ImageStore, program: Path, tmp_path: Path
) -> None:
    image = add_scratch_image(store, "assay/one:1", {"one": program}, Runs(["/one"]))

    files = read(save_archive(store, [image], tmp_path / "one.tar"))

    [entry] = document(files, "manifest.json")
    [described] = document(files, "index.json")["manifests"]
    manifest = document(files, "blobs/sha256/" + described["digest"][7:])
    assert files["blobs/sha256/" + described["digest"][7:]] == manifest_of(image)
    assert described["annotations"]["io.containerd.image.name"] == "docker.io/assay/one:1"
    assert entry["Config"].endswith(manifest["config"]["digest"][7:])
    assert [x["digest"][7:] for x in manifest["layers"]] == [b[13:] for b in entry["Layers"]]
    assert document(files, "oci-layout") == {"imageLayoutVersion": "1.0.0"}


def test_the_same_image_is_made_the_same_twice_and_another_one_is_not(
    tmp_path: Path, program: Path
) -> None:
    def made(folder: str, **differently: Any) -> str:
        store = ImageStore(tmp_path / folder)
        runs = Runs(["/one"], **differently)
        return add_scratch_image(store, "one:1", {"one": program}, runs).digest

    assert made("a") == made("b")
    assert made("a") != made("c", user="1000")


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("busybox:1", "docker.io/library/busybox:1"),
        ("assay/node:v1", "docker.io/assay/node:v1"),
        ("localhost/x:1", "localhost/x:1"),
        ("localhost:5000/x:1", "localhost:5000/x:1"),
        ("registry.example.org/a/b:2", "registry.example.org/a/b:2"),
    ],
)
def test_references_are_completed_as_containerd_knows_them(reference: str, name: str) -> None:
    assert full_name(reference) == name
