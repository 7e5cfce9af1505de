"""What every image that is built here has in common: packages, binaries, and steps done once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from clusters.images.debian.fetch import Packages
from clusters.images.debian.lock import RECIPES, DebianLock, Package
from clusters.images.debian.userland import in_order
from clusters.images.layer import Layer
from clusters.images.store import Blob, BlobWriter, ImageStore, digest_of


@dataclass(frozen=True)
class Ingredients:
    """Everything images are made of, in the cache of this host."""

    store: ImageStore
    lock: DebianLock
    packages: Packages
    binaries: Mapping[str, Path]
    """Programs by name."""

    def debs(self, name: str) -> dict[str, Path]:
        """Return the files of a set of packages by name, in the order in which they are copied."""
        found = {package.name: package for package in self.lock.packages_of(name)}
        return {name: self.packages.path(found[name]) for name in in_order(found)}

    def layer(self, name: str, inputs: Any, fill: Callable[[Layer], None]) -> Blob:
        """Return a layer, filling it only where the same inputs never were.

        Args:
            name: of the step.
            inputs: what it depends on besides our own code and files; JSON and paths.
            fill: adds the entries.
        """

        def write(writer: BlobWriter) -> None:
            with Layer(writer) as layer:
                fill(layer)

        return self.store.part(digest_of_inputs([name, _own_digest(), inputs]), write)


def all_packages(lock: DebianLock, *sets: str) -> list[Package]:
    """Return the packages of some sets, each once."""
    found = {package.sha256: package for name in sets for package in lock.packages_of(name)}
    return sorted(found.values(), key=lambda package: package.name)


def digest_of_inputs(inputs: Any) -> str:
    """Return the digest of JSON in which a path stands for the content of its file."""
    return hashlib.sha256(json.dumps(inputs, default=_digest, sort_keys=True).encode()).hexdigest()


def _digest(value: object) -> str:
    if isinstance(value, Path):
        return digest_of(value)
    raise TypeError(f"{value!r} is no input")


@cache
def _own_digest() -> str:
    """Return the digest of the code that builds and of the files that nodes get."""
    code = Path(__file__).parent
    files = [*code.rglob("*.py"), *(p for p in RECIPES.rglob("*") if p.is_file())]
    return digest_of_inputs([[path.name, path] for path in sorted(files)])
