"""A layer depends on what is put into it and on nothing else."""

from __future__ import annotations

import io
import os
from functools import partial
from pathlib import Path

import pytest

from clusters.images.layer import Layer
from clusters.images.store import ImageStore
from tests.clusters.images.making import written


def test_the_same_files_are_the_same_bytes_whoever_wrote_them_and_when(
    tmp_path: Path, store: ImageStore
) -> None:
    digests = []
    for number, folder in enumerate((tmp_path / "one", tmp_path / "two")):
        for name in ("b", "a", "sub/c") if number else ("sub/c", "a", "b"):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
            os.utime(file, (number * 1000, number * 1000))
        (folder / "link").symlink_to("a")
        digests.append(written(store, partial(Layer.tree, root=folder))[0])

    assert digests[0] == digests[1]


def test_one_changed_byte_is_another_layer(store: ImageStore) -> None:
    one, _ = written(store, lambda layer: layer.data("etc/x", b"1"))
    two, _ = written(store, lambda layer: layer.data("etc/x", b"2"))

    assert one != two


def test_folders_come_before_what_is_in_them_and_only_once(store: ImageStore) -> None:
    def fill(layer: Layer) -> None:
        layer.folder("tmp", 0o1777)
        layer.data("tmp/deep/down/file", b"x")
        layer.folder("tmp", 0o755)
        layer.data("tmp/deep/other", b"y")

    _, entries = written(store, fill)

    assert list(entries) == [
        "tmp",
        "tmp/deep",
        "tmp/deep/down",
        "tmp/deep/down/file",
        "tmp/deep/other",
    ]
    assert entries["tmp"].mode == 0o1777


def test_every_entry_belongs_to_root_and_has_no_time_unless_it_says_so(store: ImageStore) -> None:
    def fill(layer: Layer) -> None:
        layer.data("a", b"x")
        layer.link("b", "a")
        layer.same("c", "a")
        layer.stream("d", io.BytesIO(b"y"), 1, 0o2755, (0, 42))

    _, entries = written(store, fill)

    assert {m.mtime for m in entries.values()} == {0}
    assert {m.uid for m in entries.values()} == {0}
    assert (entries["d"].gid, entries["d"].mode) == (42, 0o2755)
    assert (entries["b"].linkname, entries["c"].linkname) == ("a", "a")
    assert {m.uname + m.gname for m in entries.values()} == {""}


@pytest.mark.parametrize("path", ["../etc/passwd", "a/../../b"])
def test_a_path_cannot_lead_out_of_the_image(store: ImageStore, path: str) -> None:
    with pytest.raises(ValueError, match="leads out of the image"):
        written(store, lambda layer: layer.data(path, b"x"))


def test_names_longer_than_a_tar_header_survive(store: ImageStore) -> None:
    path = "/".join(["a" * 60] * 5)

    _, entries = written(store, lambda layer: layer.data(path, b"x"))

    assert path in entries
