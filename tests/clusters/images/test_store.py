"""Blobs and images are whole or absent, whoever is killed and whoever builds at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clusters.errors import NotFound
from clusters.images.archive import Runs, add_scratch_image
from clusters.images.store import BlobWriter, Image, ImageStore

KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from clusters.images.store import ImageStore

def write(writer):
    writer.write(b"half")
    print("writing", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

ImageStore(Path(sys.argv[1])).part("f" * 64, write)
"""
HOLDS_THE_STORE = """
import sys
from pathlib import Path
from clusters.images.store import ImageStore

with getattr(ImageStore(Path(sys.argv[1])), sys.argv[2])():
    print("held", flush=True)
    sys.stdin.read()
"""


def make(store: ImageStore, reference: str, content: bytes = b"x") -> Image:
    return add_scratch_image(store, reference, {"program": content}, Runs(["/program"]))


def test_a_step_with_the_same_inputs_is_made_once(store: ImageStore) -> None:
    made: list[int] = []

    def write(writer: BlobWriter) -> None:
        made.append(1)
        writer.write(b"content")

    first = store.part("a" * 64, write)

    assert store.part("a" * 64, write) == first
    assert len(made) == 1
    assert ImageStore(store.folder, fresh=True).part("a" * 64, write) == first
    assert len(made) == 2


def test_a_step_whose_blob_is_gone_or_cut_is_made_again(store: ImageStore) -> None:
    blob = store.part("a" * 64, lambda writer: _write(writer, b"content"))
    store.path(blob).write_bytes(b"con")

    assert store.part("a" * 64, lambda writer: _write(writer, b"content")) == blob
    assert store.path(blob).read_bytes() == b"content"


def test_a_writer_that_is_killed_leaves_nothing_once_the_next_one_works(store: ImageStore) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_WRITING, str(store.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "writing\n")
    assert list((store.folder / ".staging" / "scratch").iterdir())

    with store.locked():
        assert list((store.folder / ".staging" / "scratch").iterdir()) == []
    assert not (store.folder / "blobs").exists()
    assert not (store.folder / "parts").exists()


def test_what_a_living_process_writes_is_left_alone(store: ImageStore) -> None:
    with store.scratch() as scratch, store.locked():
        assert scratch.exists()


def test_a_failing_writer_leaves_no_blob(store: ImageStore) -> None:
    def fail(writer: BlobWriter) -> None:
        writer.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        store.add(fail)

    assert not (store.folder / "blobs").exists()


def test_an_image_is_found_by_its_reference_and_listed(store: ImageStore) -> None:
    image = make(store, "docker.io/assay/one:v1")

    assert store.get("docker.io/assay/one:v1") == image
    assert store.images() == [image]
    assert image.digest.startswith("sha256:")


def test_an_image_that_lost_a_layer_is_no_image(store: ImageStore) -> None:
    image = make(store, "one:1")
    store.path(image.layers[0]).unlink()

    assert store.find("one:1") is None
    assert store.images() == []
    with pytest.raises(NotFound, match="there is no image one:1 in the cache; there are: none"):
        store.get("one:1")


def test_pruning_keeps_what_images_need_and_nothing_else(store: ImageStore) -> None:
    first = make(store, "node:1", b"old")
    second = make(store, "node:1", b"new")
    other = make(store, "other:1", b"new")
    store.part("a" * 64, lambda writer: _write(writer, b"step"))

    freed = store.prune()

    left = {path.name for path in (store.folder / "blobs").iterdir()}
    assert left == {blob.sha256 for image in (second, other) for blob in image.blobs}
    assert first.layers[0].sha256 not in left
    assert freed >= first.size
    assert list((store.folder / "parts").iterdir()) == []


def test_pruning_waits_for_whoever_adds(store: ImageStore) -> None:
    with _holder(store, "adding") as holder:
        blob = store.add_bytes(b"not named yet")
        pruning = threading.Thread(target=store.prune)
        pruning.start()
        pruning.join(0.3)
        assert pruning.is_alive()
        assert store.has(blob)
        _let_go(holder)
        pruning.join(10)
    assert not pruning.is_alive()
    assert not store.has(blob)


def test_a_second_builder_waits_says_so_and_takes_over_when_the_first_one_dies(
    store: ImageStore,
) -> None:
    told = threading.Event()
    entered = threading.Event()

    def build() -> None:
        with store.locked(told.set):
            entered.set()

    with _holder(store, "locked") as holder:
        waiting = threading.Thread(target=build)
        waiting.start()
        assert told.wait(10)
        assert not entered.is_set()
        holder.kill()
        assert entered.wait(10)
        waiting.join()


def _write(writer: BlobWriter, data: bytes) -> None:
    writer.write(data)


@contextmanager
def _holder(store: ImageStore, how: str) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold a lock of the store."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_THE_STORE, str(store.folder), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield holder
        finally:
            holder.kill()


def _let_go(holder: subprocess.Popen[str]) -> None:
    assert holder.stdin is not None
    holder.stdin.close()
    holder.wait(10)
