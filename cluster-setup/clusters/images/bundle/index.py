"""What a bundle says is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

OnShare = Callable[[str, float], None]
"""Told which file it is about and how much of the bundle is done, 0 to 1."""

INDEX = "bundle.json"
"""The first file of a bundle."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BundledBlob(_Strict):
    """A layer or a configuration."""

    sha256: Sha256
    size: int = Field(ge=0)


class BundledImage(_Strict):
    """An image; its blobs are files of the bundle."""

    reference: str = Field(pattern=r"^[a-z0-9][a-z0-9._:/-]*:[A-Za-z0-9._-]+$", max_length=200)
    config: BundledBlob
    layers: tuple[BundledBlob, ...] = Field(min_length=1)


class BundledBinary(_Strict):
    """A program for the cache of binaries."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=100)
    version: str = Field(pattern=r"^v\d+\.\d+\.\d+$")
    sha256: Sha256
    size: int = Field(ge=1)


class Index(_Strict):
    """What a bundle says is in it."""

    schema_: Literal["assay.dev/bundle/v1"] = Field(alias="schema")
    platform: str
    images: tuple[BundledImage, ...] = ()
    binaries: tuple[BundledBinary, ...] = ()

    def files(self) -> dict[str, BundledBlob | BundledBinary]:
        """Return every file by path, in the order in which they come."""
        blobs = {b.sha256: b for image in self.images for b in (image.config, *image.layers)}
        found: dict[str, BundledBlob | BundledBinary] = {
            f"blobs/{sha256}": blob for sha256, blob in sorted(blobs.items())
        }
        return found | {f"bin/{b.name}-{b.version}": b for b in self.binaries}


@dataclass(frozen=True)
class Bundle:
    """A bundle that was written or read."""

    path: Path
    index: Index
    digest: str
    """SHA-256 of the index, and so of everything in the bundle; for `--sha256`."""
