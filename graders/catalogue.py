"""Catalogue: the labs of this installation. A broken lab never hides the others."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from clusters.errors import InputInvalid, NotFound
from graders.lab import SLUG, Lab, load_lab


@dataclass(frozen=True)
class LabProblem:
    """A folder that should be a lab and cannot be read as one."""

    folder: Path
    problems: tuple[str, ...]
    """Each one sentence that names file and key."""

    @property
    def slug(self) -> str:
        """The folder's name."""
        return self.folder.name


def labs_folder() -> Path:
    """Return the folder of labs: `ASSAY_LABS`, by default `labs` beside the package."""
    if value := os.environ.get("ASSAY_LABS"):
        return Path(value).expanduser().absolute()
    return Path(__file__).resolve().parent.parent / "labs"


def all_labs() -> list[Lab | LabProblem]:
    """Return every lab in the order of their slugs, those that cannot be read as a LabProblem."""
    folder = labs_folder()
    if not folder.is_dir():
        return []
    return [_lab_or_problem(path) for path in sorted(folder.iterdir()) if _is_lab(path)]


def find_lab(slug: str) -> Lab:
    """Return the lab called `slug`.

    Raises:
        NotFound: there is no such lab.
        InputInvalid: there is, but its `lab.yaml` has problems.
    """
    # The slug may come from a URL: it must not become a path to another place.
    if not re.fullmatch(SLUG, slug) or not (labs_folder() / slug).is_dir():
        known = ", ".join(lab.slug for lab in all_labs()) or "none"
        raise NotFound(f"there is no lab {slug!r} in {labs_folder()}; there: {known}")
    return load_lab(labs_folder() / slug)


def lab_at(slug_or_folder: str) -> Lab:
    """Return a lab by slug, or by the path of a folder anywhere: an author's argument.

    Raises:
        NotFound: there is no such lab.
        InputInvalid: its `lab.yaml` has problems.
    """
    return load_lab(lab_folder_at(slug_or_folder))


def lab_folder_at(slug_or_folder: str) -> Path:
    """Return the folder of a lab, which may be broken, by slug or by path.

    Raises:
        NotFound: there is no such folder.
    """
    path = Path(slug_or_folder)
    if not re.fullmatch(SLUG, slug_or_folder) or (path / "lab.yaml").is_file():
        if not path.is_dir():
            raise NotFound(f"there is no folder {slug_or_folder!r}")
        return path
    if not (labs_folder() / slug_or_folder).is_dir():
        find_lab(slug_or_folder)
    return labs_folder() / slug_or_folder


def _is_lab(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith((".", "_"))


def _lab_or_problem(folder: Path) -> Lab | LabProblem:
    try:
        return load_lab(folder)
    except InputInvalid as error:
        return LabProblem(folder, tuple(error.problems))
