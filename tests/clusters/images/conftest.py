"""A store of its own for each test, and a maker of Debian packages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from clusters.images.store import ImageStore
from tests.clusters.images.making import Files, deb


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


@pytest.fixture
def package(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of small Debian packages."""

    def make(name: str, files: Files, packing: str = "xz") -> Path:
        path = tmp_path / f"{name}.deb"
        path.write_bytes(deb(files, packing))
        return path

    return make
