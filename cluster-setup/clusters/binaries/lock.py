"""BinaryLock: the pinned version, release and build of every binary.

`lock.yaml` holds what every cluster is made of. `<set>.lock.yaml` beside it holds a set that is
brought only for what needs it, and `previous.lock.yaml` another minor version of Kubernetes.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clusters.errors import InputInvalid, NotFound
from clusters.problems import describe_problems

SOURCES = Path(__file__).resolve().parents[2] / "binaries"
"""Folder of `lock.yaml` and the Go modules; it is part of the source tree, not of a wheel."""

HttpsUrl = Annotated[str, Field(pattern=r"^https://[a-z0-9.-]+/\S+$")]
PlatformName = Annotated[str, Field(pattern=r"^[a-z0-9]+/[a-z0-9]+$")]
_PREVIOUS = "previous"
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Release(_Strict):
    """One file that the publisher offers for one platform."""

    url: HttpsUrl
    """The binary, or a `.tar.gz` (`.tgz`) that holds it as `member`."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Checksum of the file at `url`, where it is pinned in the repository."""
    checksums: HttpsUrl | None = None
    """The publisher's file of checksums: one hash, or lines `<hash>  <file name>`."""
    size: int | None = Field(default=None, ge=1)
    """Bytes of the file at `url`, where it is pinned; a larger one is given up."""
    member: str | None = Field(default=None, min_length=1)
    """Path of the binary inside the archive."""

    @model_validator(mode="after")
    def _can_be_verified(self) -> Release:
        if self.sha256 is None and self.checksums is None:
            raise ValueError("name sha256 or checksums; an unverified file is never used")
        if self.url.endswith((".tar.gz", ".tgz")) != (self.member is not None):
            raise ValueError("a .tar.gz needs the member to take from it, and nothing else has one")
        return self


class Build(_Strict):
    """How the binary is built from a Go module pinned beside the lock."""

    module: str = Field(pattern=r"^[a-z0-9-]+$")
    """Folder of `go.mod` and `go.sum`, beside `lock.yaml`."""
    package: str = Field(pattern=r"^\S+$")
    """Path of the main package."""
    tags: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_.]+$")], ...] = ()
    """Build constraints that are met."""
    ldflags: tuple[str, ...] = ()
    """Flags of the linker, among them the version that the binary reports."""
    cgo: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.+-]+$")], ...] = ()
    """C libraries it is linked with, as pkg-config names them; none means no C compiler at all."""


class Wheel(_Strict):
    """The file of a Python package that holds the binary, where nothing can be built from Go."""

    project: str = Field(pattern=r"^[a-z0-9-]+$")
    """Name of the package in an index of Python packages."""
    version: str = Field(pattern=r"^\d+(\.\d+)*$")
    member: str = Field(min_length=1)
    """Path of the binary inside the file."""
    sha256: dict[PlatformName, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    """Checksum of the file for each platform."""


class Binary(_Strict):
    """One pinned program."""

    version: str = Field(pattern=r"^v\d+\.\d+\.\d+$")
    release: dict[PlatformName, Release] = Field(default_factory=dict)
    """Release files by platform, for example `linux/amd64`."""
    build: Build | None = None
    wheel: Wheel | None = None
    set: str = ""
    """Set it belongs to, from the name of its file; empty for what every cluster is made of."""

    @model_validator(mode="after")
    def _can_be_had_without_a_release(self) -> Binary:
        if (self.build is None) == (self.wheel is None):
            raise ValueError("name build or wheel, one of them")
        return self


class BinaryLock(_Strict):
    """Every pinned program, by name."""

    api_version: Literal["assay.dev/v1"] = Field(alias="apiVersion")
    kind: Literal["BinaryLock"]
    binaries: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], Binary]

    @property
    def kubernetes(self) -> str:
        """The version of Kubernetes that clusters of this lock have, for example `v1.37.2`."""
        return self.binaries["kube-apiserver"].version

    @property
    def everyday(self) -> list[str]:
        """The binaries that every cluster is made of; all others are brought when needed."""
        return [name for name, binary in self.binaries.items() if not binary.set]

    def check_names(self, names: Iterable[str]) -> list[str]:
        """Return `names` in the order of the lock, each once.

        Raises:
            NotFound: the lock does not have one of them.
        """
        wanted = set(names)
        if unknown := sorted(wanted - set(self.binaries)):
            known = ", ".join(self.binaries)
            raise NotFound(f"there is no binary {', '.join(unknown)}; the lock has: {known}")
        return [name for name in self.binaries if name in wanted]


def host_platform() -> str:
    """Return the platform of this host as releases name it, for example `linux/amd64`."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}/{_ARCHITECTURES.get(machine, machine)}"


def load_lock(path: Path) -> BinaryLock:
    """Read a lock file.

    Raises:
        InputInvalid: with every problem, each naming the file and the key.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputInvalid([f"{path}: cannot be read: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputInvalid([f"{path}: is not YAML: {' '.join(str(error).split())}"]) from error
    try:
        return BinaryLock.model_validate(document)
    except ValidationError as error:
        raise InputInvalid(describe_problems(error, path.name)) from error


@lru_cache(maxsize=1)
def installed_lock() -> BinaryLock:
    """Return the lock of this source tree, with every set in it."""
    first = load_lock(SOURCES / "lock.yaml")
    binaries = dict(first.binaries)
    for path in sorted(SOURCES.glob("*.lock.yaml")):
        if (name := path.name.removesuffix(".lock.yaml")) != _PREVIOUS:
            binaries |= _in_set(name, load_lock(path).binaries)
    return first.model_copy(update={"binaries": binaries})


@lru_cache(maxsize=1)
def installed_locks() -> tuple[BinaryLock, ...]:
    """Return a lock for each minor version of Kubernetes, that of learners' clusters first."""
    first, other = installed_lock(), load_lock(SOURCES / f"{_PREVIOUS}.lock.yaml")
    previous = dict(first.binaries)
    for name, binary in other.binaries.items():
        previous |= _in_set(first.binaries[name].set, {name: binary})
    return first, first.model_copy(update={"binaries": previous})


def lock_with(kubernetes: str = "") -> BinaryLock:
    """Return the lock of a version of Kubernetes.

    Args:
        kubernetes: for example `1.37` or `v1.37.2`; empty means that of learners' clusters.

    Raises:
        NotFound: no lock has it.
    """
    wanted = f"v{kubernetes.removeprefix('v')}"
    for lock in installed_locks():
        if not kubernetes or f"{lock.kubernetes}.".startswith(f"{wanted}."):
            return lock
    known = ", ".join(lock.kubernetes for lock in installed_locks())
    raise NotFound(f"Kubernetes {kubernetes} is not pinned; pinned: {known}")


def _in_set(name: str, binaries: Mapping[str, Binary]) -> dict[str, Binary]:
    return {key: binary.model_copy(update={"set": name}) for key, binary in binaries.items()}
