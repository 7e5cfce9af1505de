"""What decides a verdict: digests of the lab and of the grader that runs its checks, a version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

_DECIDES = ("lab.yaml", "inventory.yaml", "manifests", "checks", "solution", "mutants")
"""The notebook is not among them: no check reads it, and a better hint changes no verdict."""
_GRADER = Path(__file__).parent


def lab_digest(folder: Path) -> str:
    """Return `sha256:` and the digest of everything in a lab folder that decides a verdict.

    The same for the same names and contents, wherever the folder is and whoever owns it.
    """
    return _digest(folder, _files_of_lab(folder))


@cache
def grader_digest() -> str:
    """Return `sha256:` and the digest of the grader's own code, as it was at the first call."""
    return _digest(
        _GRADER, (path for path in _GRADER.rglob("*.py") if "templates" not in path.parts)
    )


@cache
def assay_version() -> str:
    """Return the version of Assay that runs; it stays so while it runs."""
    return version("assay")


def _digest(folder: Path, files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        name = path.relative_to(folder).as_posix().encode()
        content = path.read_bytes()
        digest.update(b"%d %s %d\n" % (len(name), name, len(content)) + content)
    return f"sha256:{digest.hexdigest()}"


def _files_of_lab(folder: Path) -> Iterator[Path]:
    for part in _DECIDES:
        path = folder / part
        for file in path.rglob("*") if path.is_dir() else [path]:
            parts = file.relative_to(folder).parts
            if file.is_file() and not any(p.startswith((".", "__pycache__")) for p in parts):
                yield file
