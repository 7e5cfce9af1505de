"""Path: the labs toward a badge, read from `labs/paths.yaml`, strictly, all problems at once.

paths:
  - id: devices-on-the-api               # identity; stands in credentials
    name: Devices on the API
    level: Foundation                    # optional; Foundation, Practitioner or Expert
    description: One sentence for the badge.
    criteria: What a learner must have done, for whoever reads the badge.
    labs: [dra-01-claim-a-gpu]
    assurance: practice                  # optional; the least that counts
    months: 24                           # optional; how long a badge is valid, for ever by default
    alignment:                           # optional; public curricula that the labs exercise
      - {name: Platform APIs, framework: CNPE curriculum, code: P, url: https://...}
"""

from __future__ import annotations

import re
from pathlib import Path as File
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clusters.errors import InputInvalid, NotFound
from clusters.problems import describe_problems
from graders.assurance import Assurance
from graders.catalogue import labs_folder
from graders.lab import SLUG

PATHS_FILE = "paths.yaml"
_ID = r"^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$"
_HTTP = r"^https?://\S+$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AlignmentSpec(_Strict):
    """A public curriculum or requirement that the path's labs exercise."""

    name: str = Field(min_length=1, max_length=120)
    framework: str = Field(min_length=1, max_length=120)
    code: str = Field(min_length=1, max_length=60)
    url: str = Field(default="", pattern=rf"{_HTTP}|^$")


class Path(_Strict):
    """The labs toward one badge."""

    id: str = Field(pattern=_ID)
    name: str = Field(min_length=1, max_length=60)
    level: str = Field(default="", max_length=20)
    description: str = Field(min_length=1, max_length=300)
    criteria: str = Field(min_length=1, max_length=1000)
    labs: tuple[str, ...] = Field(min_length=1, max_length=20)
    assurance: Assurance = Assurance.PRACTICE
    """The least that counts."""
    months: int | None = Field(default=None, ge=1, le=120)
    """How long a badge is valid; None is for ever."""
    alignment: tuple[AlignmentSpec, ...] = ()

    @property
    def title(self) -> str:
        """Name and level together."""
        return f"{self.name}, {self.level}" if self.level else self.name

    @model_validator(mode="after")
    def _labs_are_slugs(self) -> Path:
        if wrong := [slug for slug in self.labs if not re.match(SLUG, slug)]:
            raise ValueError(f"labs: {', '.join(wrong)} is not the slug of a lab")
        if len(set(self.labs)) < len(self.labs):
            raise ValueError("labs: a lab is named twice")
        return self


class _PathsDocument(_Strict):
    paths: tuple[Path, ...] = ()

    @model_validator(mode="after")
    def _ids_differ(self) -> _PathsDocument:
        ids = [path.id for path in self.paths]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"paths: the id {', '.join(twice)} is used twice")
        return self


def load_paths(folder: File | None = None) -> tuple[Path, ...]:
    """Read the paths of this installation; none where there is no file.

    Args:
        folder: the folder of labs, by default `ASSAY_LABS`.

    Raises:
        InputInvalid: with every problem, each one sentence that names file and key.
    """
    file = (folder or labs_folder()) / PATHS_FILE
    try:
        document: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        return _PathsDocument.model_validate(document or {}).paths
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputInvalid([f"{file}: cannot be read: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputInvalid([f"{file}: is not YAML: {' '.join(str(error).split())}"]) from error
    except ValidationError as error:
        raise InputInvalid(describe_problems(error, str(file))) from error


def find_path(path_id: str, folder: File | None = None) -> Path:
    """Return one path.

    Raises:
        NotFound: there is no such path.
        InputInvalid: the file has problems.
    """
    paths = load_paths(folder)
    for path in paths:
        if path.id == path_id:
            return path
    known = ", ".join(path.id for path in paths) or "none"
    raise NotFound(f"there is no path {path_id!r}; there: {known}")
