"""Images: what stands for an image on this host, by a short list; nothing else is ever started."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clusters.binaries.lock import installed_lock
from clusters.binaries.store import Slot
from clusters.errors import InputInvalid
from clusters.problems import describe_problems
from clusters.vllm import HOW_TO_GET_IT, installed

BUILT_IN = Path(__file__).parent / "images.yaml"
_OF_DOCKER_HUB = re.compile(r"^(?:(?:index\.)?docker\.io/)?(?:library/)?")
_TAG_OR_DIGEST = re.compile(r"(?::[\w.-]+)?(?:@[a-z0-9]+:[0-9a-f]+)?$")

Words = tuple[str, ...]


class Image(BaseModel):
    """What one or more images stand for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: Annotated[Words, Field(min_length=1)]
    """Repositories, without tag and without `docker.io`."""
    entrypoint: Words = ()
    """What runs, unless the container names a `command`."""
    command: Words = ()
    """What follows, unless the container names `args` (or a `command`)."""
    env: dict[str, str] = Field(default_factory=dict)
    """Environment that the container's own goes over."""
    directory: str = "/"
    """Folder it starts in, unless the container says another."""
    binary: str = ""
    """Pinned program that has to be in the cache (`assay binaries fetch NAME`)."""
    setup: Literal["", "vllm"] = ""
    """What has to be installed beside Assay (`assay setup NAME`)."""
    show: dict[str, str] = Field(default_factory=dict)
    """Folders or files of the host to be seen read-only: path there, and path in the container."""
    memory: int = Field(default=1024, ge=16)
    """MiB that a container may use at most, and without a limit of its own."""
    shm: int = Field(default=64, ge=1)
    """MiB of `/dev/shm`."""
    most: int = Field(default=0, ge=0)
    """Containers of it that run at once in a cluster; 0 sets no bound of its own."""


class _Images(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    api_version: Literal["assay.dev/v1"] = Field(alias="apiVersion")
    kind: Literal["Images"]
    images: tuple[Image, ...]


@dataclass(frozen=True)
class Images:
    """The list of a cluster."""

    by_name: Mapping[str, Image]

    def find(self, reference: str) -> Image | None:
        """Return what an image stands for; None where it is not on the list."""
        return self.by_name.get(repository_of(reference))

    @property
    def names(self) -> Sequence[str]:
        """Every repository on the list."""
        return sorted(self.by_name)

    @property
    def tags(self) -> Sequence[str]:
        """A full reference to every image, as a node tells of those that it has."""
        return [f"{_qualified(name)}:latest" for name in self.names]


def load_images(*paths: Path) -> Images:
    """Read lists of images; later files go over earlier ones, and missing files hold nothing.

    Raises:
        InputInvalid: with every problem of a file, each naming file and key.
    """
    by_name: dict[str, Image] = {}
    for path in paths:
        if not path.is_file():
            continue
        try:
            listed = _Images.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            raise InputInvalid([f"{path}: is not YAML: {' '.join(str(error).split())}"]) from error
        except ValidationError as error:
            raise InputInvalid(describe_problems(error, path.name)) from error
        by_name |= {repository_of(name): image for image in listed.images for name in image.names}
    return Images(by_name)


def repository_of(reference: str) -> str:
    """Return the repository that an image reference names: without tag, digest, or Docker Hub."""
    return _TAG_OR_DIGEST.sub("", _OF_DOCKER_HUB.sub("", reference))


def path_of_binary(image: Image) -> Path | None:
    """Return where the pinned program of an image lies; None while it is not in the cache."""
    slot = Slot(image.binary, installed_lock().binaries[image.binary].version)
    return slot.path if slot.filled else None


def why_not_here(image: Image) -> str:
    """Return what an image needs and this host does not have; empty where nothing is missing."""
    if image.binary and path_of_binary(image) is None:
        return (
            f"needs the program {image.binary}, which is not in the cache of this installation: "
            f"`assay binaries fetch {image.binary}` brings it"
        )
    if image.setup and not installed().complete:
        return f"needs vLLM, which is not installed here: {HOW_TO_GET_IT}"
    return ""


def _qualified(repository: str) -> str:
    registry = repository.partition("/")[0]
    if "." in registry or ":" in registry:
        return repository
    return f"docker.io/{repository}" if "/" in repository else f"docker.io/library/{repository}"
