"""A bundle gives all of what it says, or nothing: cut, changed, swapped and killed."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clusters.binaries.lock import installed_lock
from clusters.binaries.store import Origin, Slot
from clusters.errors import ClusterError, InputInvalid
from clusters.images.archive import Runs, add_scratch_image
from clusters.images.bundle import Bundle, cached_binaries, read_bundle, write_bundle
from clusters.images.store import Image, ImageStore

KUBECTL = installed_lock().binaries["kubectl"].version
PROGRAM = b"#!/bin/sh\necho kubectl\n"
KILLED_AT_A_RENAME = """
import os, signal, sys
from pathlib import Path
from clusters.images.bundle import read_bundle
from clusters.images.store import ImageStore

rename, before = Path.rename, iter(range(int(sys.argv[2])))

def rename_or_die(self, target):
    if next(before, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)

Path.rename = rename_or_die
read_bundle(Path(sys.argv[1]), ImageStore(), lambda *_: None)
"""


def quiet(what: str, share: float) -> None:
    assert 0 <= share <= 1


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """Write a bundle of two images and a binary, and move to a cache that has none of them."""
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "there"))
    store = ImageStore()
    images = [
        add_scratch_image(
            store, f"assay/{name}:v1", {"x": name.encode() * 4000}, Runs([f"/{name}"])
        )
        for name in ("node", "tool")
    ]
    put_kubectl(PROGRAM)
    bundle = write_bundle(store, images, cached_binaries(), tmp_path / "class.bundle", quiet)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "here"))
    return bundle


def put_kubectl(content: bytes) -> Slot:
    slot = Slot("kubectl", KUBECTL)
    with slot.locked(lambda: None), slot.scratch() as scratch:
        file = scratch / "kubectl"
        file.write_bytes(content)
        slot.fill(file, Origin("build"))
    return slot


def kept() -> list[Path]:
    """Return the files of the cache that are more than notes about who works."""
    cache = ImageStore().folder.parent
    return [p for p in cache.rglob("*") if p.is_file() and ".staging" not in p.parts]


def changed(bundle: Bundle, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Write the bundle once more with other files in it."""
    with tarfile.open(bundle.path) as archive:
        files = {m.name: f.read() for m in archive if m.isfile() and (f := archive.extractfile(m))}
    change(files)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    path = bundle.path.with_name("changed.bundle")
    path.write_bytes(gzip.compress(buffer.getvalue()))
    return path


def change_index(files: dict[str, bytes], change: Callable[[dict[str, Any]], None]) -> None:
    index = json.loads(files["bundle.json"])
    change(index)
    files["bundle.json"] = json.dumps(index).encode()


def refused(path: Path, message: str, digest: str = "") -> None:
    with pytest.raises(InputInvalid, match=message):
        read_bundle(path, ImageStore(), quiet, digest)
    assert kept() == []


def test_what_was_written_comes_back(written: Bundle) -> None:
    bundle = read_bundle(written.path, ImageStore(), quiet, f"sha256:{written.digest}")

    assert bundle == Bundle(written.path, written.index, written.digest)
    found = ImageStore().images()
    assert [image.reference for image in found] == ["assay/node:v1", "assay/tool:v1"]
    slot = Slot("kubectl", KUBECTL)
    assert slot.path.read_bytes() == PROGRAM
    assert (slot.filled, slot.origin().source) == (True, "import")
    assert slot.origin().reference == "class.bundle"


def test_writing_the_same_twice_gives_the_same_file(written: Bundle, tmp_path: Path) -> None:
    read_bundle(written.path, ImageStore(), quiet)

    again = write_bundle(
        ImageStore(), ImageStore().images(), cached_binaries(), tmp_path / "again.bundle", quiet
    )

    assert again.digest == written.digest
    assert again.path.read_bytes() == written.path.read_bytes()


@pytest.mark.parametrize("part", [0, 0.3, 0.6, 0.99])
def test_a_bundle_that_is_cut_short_is_refused(written: Bundle, part: float) -> None:
    content = written.path.read_bytes()
    written.path.write_bytes(content[: int(len(content) * part)])

    refused(written.path, "is cut short or damaged")


def test_a_flipped_bit_anywhere_is_refused(written: Bundle) -> None:
    content = written.path.read_bytes()
    for place in range(12, len(content) - 12, max(len(content) // 40, 1)):
        written.path.write_bytes(
            content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        )
        with pytest.raises((InputInvalid, ClusterError)):
            read_bundle(written.path, ImageStore(), quiet)
        assert kept() == []


def test_a_changed_file_is_refused(written: Bundle) -> None:
    def change(files: dict[str, bytes]) -> None:
        files[f"bin/kubectl-{KUBECTL}"] = PROGRAM.replace(b"echo", b"evil")

    refused(changed(written, change), f"bin/kubectl-{KUBECTL} has the wrong checksum")


def test_a_bundle_that_was_changed_with_its_index_is_another_one(written: Bundle) -> None:
    def change(files: dict[str, bytes]) -> None:
        evil = PROGRAM.replace(b"echo", b"evil")
        files[f"bin/kubectl-{KUBECTL}"] = evil
        digest = hashlib.sha256(evil).hexdigest()
        change_index(files, lambda index: index["binaries"][0].update(sha256=digest))

    refused(changed(written, change), "is another bundle", written.digest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda files: files.pop(sorted(files)[0]), "is not where bundle.json says"),
        (lambda files: files.update(extra=b"x"), "holds more than bundle.json says"),
        (lambda files: files.pop("bundle.json"), "does not begin with bundle.json"),
        (
            lambda files: change_index(files, lambda index: index.update(platform="plan9/mips")),
            "is for plan9/mips, and this host is",
        ),
        (lambda files: change_index(files, lambda index: index.update(more=1)), "unknown key"),
        (
            lambda files: change_index(
                files, lambda index: index["binaries"][0].update(name="../../kubectl")
            ),
            "binaries",
        ),
        (
            lambda files: change_index(
                files, lambda index: index["images"][0].update(reference="../x")
            ),
            "reference",
        ),
        (
            lambda files: change_index(
                files,
                lambda index: index["images"][0].update(layers=index["images"][1]["layers"]),
            ),
            "is not made of the layers it names|is not where bundle.json says",
        ),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(
    written: Bundle, change: Callable[[dict[str, bytes]], None], message: str
) -> None:
    refused(changed(written, change), message)


@pytest.mark.parametrize("content", [b"", b"no bundle", gzip.compress(b"no tar")])
def test_another_file_is_refused(tmp_path: Path, written: Bundle, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)

    refused(path, "is cut short or damaged|is no bundle")


def test_a_binary_that_is_there_is_never_replaced(written: Bundle) -> None:
    slot = put_kubectl(b"mine")

    read_bundle(written.path, ImageStore(), quiet)

    assert slot.path.read_bytes() == b"mine"


def test_a_damaged_cache_is_not_carried_on(written: Bundle, tmp_path: Path) -> None:
    read_bundle(written.path, ImageStore(), quiet)
    image: Image = ImageStore().get("assay/node:v1")
    layer = ImageStore().path(image.layers[0])
    layer.write_bytes(layer.read_bytes()[:-1] + b"!")

    with pytest.raises(ClusterError, match="is damaged: build it again"):
        write_bundle(ImageStore(), [image], [], tmp_path / "bad.bundle", quiet)

    assert not (tmp_path / "bad.bundle").exists()
    assert not list(tmp_path.glob(".bad.bundle*"))


def test_too_little_room_is_said_before_anything_is_written(
    written: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10}))

    with pytest.raises(ClusterError, match="make room there, or choose another folder"):
        read_bundle(written.path, ImageStore(), quiet)

    assert kept() == []


@pytest.mark.parametrize("before", range(8))
def test_an_import_that_is_killed_leaves_whole_things_and_the_next_one_completes_it(
    written: Bundle, before: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_A_RENAME, str(written.path), str(before)], check=False
    )
    assert done.returncode == -signal.SIGKILL

    slot = Slot("kubectl", KUBECTL)
    assert not slot.filled or slot.path.read_bytes() == PROGRAM
    for blob in (ImageStore().folder / "blobs").glob("*"):
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    assert len(ImageStore().images()) < 2

    read_bundle(written.path, ImageStore(), quiet)
    assert len(ImageStore().images()) == 2
    with ImageStore().locked():
        assert list((ImageStore().folder / ".staging" / "scratch").iterdir()) == []
