"""Digest of a lab's checks: the same as long as no file among them was changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


def checks_digest(folder: Path) -> str:
    """Return a digest of the names and contents of all files in a folder of checks.

    Raises:
        OSError: one cannot be read.
    """
    digest = hashlib.sha256()
    for path in sorted(_files(folder)):
        name, content = os.fsencode(path.relative_to(folder)), path.read_bytes()
        digest.update(b"%d %s %d\n" % (len(name), name, len(content)) + content)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (Path(place, name) for name in files)
