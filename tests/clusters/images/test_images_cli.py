"""`assay images` as a script or a person calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clusters.images.archive import Runs, add_scratch_image
from clusters.images.store import ImageStore

ASSAY = str(Path(sys.executable).with_name("assay"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a cache of its own, and no Docker."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    return tmp_path / "cache"


def assay(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [ASSAY, "images", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_an_empty_cache_says_how_to_get_an_image() -> None:
    assert assay("list").stdout == "No images. Build the node image with `assay images build`.\n"
    assert json.loads(assay("list", "--json").stdout) == []


def test_list_describes_each_image() -> None:
    image = add_scratch_image(ImageStore(), "assay/one:v1", {"one": b"x"}, Runs(["/one"]))

    [row] = json.loads(assay("list", "--json").stdout)

    assert row == {
        "reference": "assay/one:v1",
        "digest": image.digest,
        "size": image.size,
        "layers": [f"sha256:{image.layers[0].sha256}"],
        "docker": False,
    }
    assert image.digest in assay("list").stdout.replace("\n", "").replace(" ", "")


def test_export_without_images_says_what_to_do(tmp_path: Path) -> None:
    done = assay("export", tmp_path / "x.bundle")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "assay: there are no images to export: build one with `assay images build`\n"
    )


def test_what_is_exported_is_imported_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_scratch_image(ImageStore(), "assay/one:v1", {"one": b"x"}, Runs(["/one"]))
    file = tmp_path / "class.bundle"

    exported = json.loads(assay("export", file, "--json").stdout)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "elsewhere"))
    imported = json.loads(assay("import", file, "--sha256", exported["sha256"], "--json").stdout)

    assert exported["images"] == ["assay/one:v1"]
    assert imported == exported
    assert len(json.loads(assay("list", "--json").stdout)) == 1


def test_a_file_that_is_no_bundle_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "class.bundle"
    file.write_bytes(b"hello")

    done = assay("import", file)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") <= 2
    assert "is cut short or damaged" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_export_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    add_scratch_image(ImageStore(), "assay/one:v1", {"one": b"x"}, Runs(["/one"]))

    done = assay("export", tmp_path / "missing" / "x.bundle", "--json")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"assay: {tmp_path}/missing/x.bundle cannot be written: No such")


def test_loading_that_is_asked_for_needs_docker(tmp_path: Path) -> None:
    add_scratch_image(ImageStore(), "assay/one:v1", {"one": b"x"}, Runs(["/one"]))
    file = tmp_path / "class.bundle"
    assay("export", file)

    done = assay("import", file, "--load")

    assert done.returncode == 3
    assert "start it, or leave it out with --no-load" in done.stderr


def test_an_unknown_version_of_kubernetes_names_those_that_are_pinned() -> None:
    done = assay("build", "--kubernetes", "1.3", "--no-load")

    assert done.returncode == 2
    assert done.stderr.startswith("assay: Kubernetes 1.3 is not pinned; pinned: v1.")


def test_a_build_can_be_interrupted_and_says_so(cache: Path) -> None:
    with ImageStore().locked():
        with subprocess.Popen(
            [ASSAY, "images", "build", "--no-load"],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        ) as waiting:
            assert waiting.stderr is not None
            assert "Waiting for another process" in waiting.stderr.readline()
            waiting.send_signal(signal.SIGINT)
            began = time.monotonic()
            assert waiting.wait(20) == 130
        assert time.monotonic() - began < 20
    assert not (cache / "images" / "blobs").exists()
