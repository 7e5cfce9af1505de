"""DebianLock: which version of which package an image is made of, from `debian.lock.yaml`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clusters.binaries.lock import host_platform
from clusters.errors import InputInvalid, PreflightError
from clusters.problems import describe_problems

RECIPES = Path(__file__).resolve().parents[3] / "images"
"""Folder of `debian.lock.yaml` and of the files of nodes; part of the source tree."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Package(_Strict):
    """One Debian package of one version."""

    name: Name
    version: str = Field(pattern=r"^[0-9][A-Za-z0-9.+:~-]*$")
    size: int = Field(ge=1)
    """Bytes of the file."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    sets: tuple[str, ...] = Field(min_length=1)
    """Which sets it is part of."""


class DebianLock(_Strict):
    """Sets of packages, and each package that they come to."""

    api_version: Literal["assay.dev/v1"] = Field(alias="apiVersion")
    kind: Literal["DebianLock"]
    suite: str = Field(pattern=r"^[a-z]+$")
    """Debian release, for example `bookworm`."""
    sets: dict[str, tuple[Name, ...]]
    """What is asked for, by set; apt adds what it depends on."""
    without: tuple[Name, ...] = ()
    """What apt would add and nobody needs: only scripts of packages run it, and none is run."""
    packages: dict[str, tuple[Package, ...]] = Field(default_factory=dict)
    """What that comes to, by architecture."""

    def packages_of(self, name: str, architecture: str = "") -> list[Package]:
        """Return the packages of a set, by name.

        Args:
            name: of the set, for example `node`.
            architecture: as Debian names it; empty means this host's.

        Raises:
            PreflightError: the lock has none for this architecture.
        """
        wanted = architecture or host_platform().partition("/")[2]
        if wanted not in self.packages:
            known = ", ".join(self.packages) or "none"
            raise PreflightError(
                f"images can be built on {known} and not on {wanted}: "
                "import one that was built elsewhere, or use one of kindest/node"
            )
        return [package for package in self.packages[wanted] if name in package.sets]


def load_debian_lock(path: Path) -> DebianLock:
    """Read a lock file.

    Raises:
        InputInvalid: with every problem, each naming the file and the key.
    """
    try:
        return DebianLock.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputInvalid([f"{path}: cannot be read: {error.strerror}"]) from error
    except yaml.YAMLError as error:
        raise InputInvalid([f"{path}: is not YAML: {' '.join(str(error).split())}"]) from error
    except ValidationError as error:
        raise InputInvalid(describe_problems(error, path.name)) from error


@lru_cache(maxsize=1)
def installed_debian_lock() -> DebianLock:
    """Return the lock of this source tree."""
    return load_debian_lock(RECIPES / "debian.lock.yaml")
