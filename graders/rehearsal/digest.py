"""Digest of what a rehearsal proves: a card holds as long as none of it was changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

_PROVED = ("lab.yaml", "inventory.yaml", "manifests", "checks", "solution", "mutants")
"""The notebook is not among them: no run opens it, and a better hint unproves nothing."""


def lab_digest(folder: Path) -> str:
    """Return `sha256:` and the digest of everything in a lab folder that decides a verdict.

    The same for the same names and contents, wherever the folder is and whoever owns it.
    """
    digest = hashlib.sha256()
    for path in sorted(_files(folder)):
        name = path.relative_to(folder).as_posix().encode()
        content = path.read_bytes()
        digest.update(b"%d %s %d\n" % (len(name), name, len(content)) + content)
    return f"sha256:{digest.hexdigest()}"


def _files(folder: Path) -> Iterator[Path]:
    for part in _PROVED:
        path = folder / part
        for file in path.rglob("*") if path.is_dir() else [path]:
            parts = file.relative_to(folder).parts
            if file.is_file() and not any(p.startswith((".", "__pycache__")) for p in parts):
                yield file
