"""AddOn: one part that can run in a cluster beside Kubernetes, as its file in `addons/` says.

Text of process and objects may hold these names, written as `$name`:

    $address     address that it listens at
    $port        port of the API server, on 127.0.0.1 of the same network
    $folder      the add-on's own folder, relative to the working folder
    $pki         folder of certificates and keys, relative to the working folder
    $node        name of the node, where it runs once for each
    $image       its image
    $ca, $key    the certificate that it serves with, and its key; base64 of PEM
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clusters.capability import Capability
from clusters.errors import InputInvalid
from clusters.problems import describe_problems

AddOnName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
Version = Annotated[str, Field(pattern=r"^v\d+\.\d+\.\d+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Webhooks(_Strict):
    """Who answers the admission webhooks of a file, and which of them are taken."""

    service: str = Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")
    """Namespace and name of the Service."""
    resources: tuple[str, ...]
    """Webhooks of other resources are left out: they would refuse what they cannot be asked of."""


class Objects(_Strict):
    """Objects that are created in the cluster: from a file of ours, or from a pinned Go module."""

    path: str = Field(pattern=r"^\w[\w/.-]*$")
    """A file, or a folder of them: beside `addon.yaml`, or inside the module's package."""
    module: str = Field(default="", pattern=r"^[a-z0-9-]*$")
    """Folder of `go.mod` and `go.sum` that pin the package; empty means a file of ours."""
    package: str = ""
    """Path of the package, for example `sigs.k8s.io/gateway-api`."""
    kinds: tuple[str, ...] = ()
    """Kinds that are taken; empty means all."""
    webhooks: Webhooks | None = None


class Account(_Strict):
    """The ServiceAccount that a process works as; its rights stand among the objects."""

    namespace: AddOnName
    name: AddOnName


class Process(_Strict):
    """A process of the host that stands for the containers of an add-on.

    A Pod that nothing schedules has its address, so that Services find it by the label
    `app.kubernetes.io/name`.
    """

    binary: str = ""
    """Name of the pinned binary."""
    program: str = Field(default="", pattern=r"^[a-z_]*$")
    """Name of a Python program of ours, where there is no binary."""
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    files: tuple[str, ...] = ()
    """Files beside `addon.yaml` that it reads in its folder."""
    folders: tuple[str, ...] = ()
    """Folders that it looks for in its folder."""
    account: Account | None = None
    """Whose credential it has, as `kubeconfig` in its folder; None means none at all."""
    serves: tuple[str, ...] = ()
    """DNS names of its certificate, `tls.crt` and `tls.key` in `$pki/<add-on>`."""
    needs_nodes: bool = Field(default=False, alias="onEachNode")
    """Whether one runs for each node."""
    binds: dict[str, str] = Field(default_factory=dict)
    """Folders that it looks for at a fixed path, by that path; only it sees them there."""
    memory: int = Field(ge=32, le=4096)
    """MiB that it may hold."""
    ready: str = Field(default="", pattern=r"^(https?://\$address:\d+/\S*|tcp://\$address:\d+)?$")
    """Address that answers once it works."""
    makes: str = ""
    """Path of a collection of the API that is not empty once it works."""


class AddOn(_Strict):
    """One part that can run in a cluster beside Kubernetes."""

    api_version: Literal["assay.dev/v1"] = Field(alias="apiVersion")
    kind: Literal["AddOn"]
    name: AddOnName
    version: Version
    summary: str = Field(min_length=1, max_length=160)
    needs: tuple[AddOnName, ...] = ()
    """Other add-ons, which are added without being asked for."""
    requires: frozenset[Capability] = frozenset()
    """What the cluster must offer for it."""
    capabilities: frozenset[Capability] = frozenset()
    """What a cluster offers with it."""
    providers: frozenset[str]
    """Who can run it."""
    image: str = ""
    """Image of a registry that its containers are made of."""
    binary: str = ""
    """Name of the pinned binary that a Pod of the image starts, where such Pods are a lab's own."""
    setup: Literal["", "vllm"] = ""
    """What `assay setup` installs that a Pod of the image starts, in place of a binary."""
    flags: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Flags that components of the control plane need for it, by the component's name."""
    objects: tuple[Objects, ...] = ()
    """What every cluster with it has."""
    process: Process | None = None
    """How it runs where Pods are simulated."""
    workload: tuple[Objects, ...] = ()
    """Further objects where Pods are containers, the Deployment or DaemonSet among them."""
    ready: tuple[str, ...] = ()
    """Paths of objects of the API whose conditions say that it works."""
    folder: Path = Field(default=Path(), exclude=True)
    """Where its files are."""

    @model_validator(mode="after")
    def _what_runs_has_an_image(self) -> AddOn:
        if (self.process or self.binary or self.setup) and not self.image:
            raise ValueError("image: what runs needs one, also where it runs as a process")
        return self

    @property
    def binaries(self) -> tuple[str, ...]:
        """The pinned binaries that it is made of."""
        named = (self.binary, self.process.binary if self.process else "")
        return tuple(filter(None, named))

    @property
    def on_nodes(self) -> bool:
        """Whether it runs on every node, as a DaemonSet would."""
        return self.process is not None and self.process.needs_nodes

    def components(self, nodes: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the names of its processes in a cluster of these nodes."""
        if self.process is None:
            return ()
        if self.process.needs_nodes:
            return tuple(f"{self.name}-{node}" for node in nodes)
        return (self.name,)

    def to_json(self) -> dict[str, Any]:
        """Return what people need to choose."""
        return {
            "name": self.name,
            "version": self.version,
            "summary": self.summary,
            "needs": list(self.needs),
            "requires": sorted(self.requires),
            "capabilities": sorted(self.capabilities),
            "providers": sorted(self.providers),
            "image": self.image,
            "binaries": list(self.binaries),
            "setup": self.setup,
        }


def load_addon(path: Path) -> AddOn:
    """Read the file of one add-on.

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
        return AddOn.model_validate(document).model_copy(update={"folder": path.parent})
    except ValidationError as error:
        raise InputInvalid(describe_problems(error, f"{path.parent.name}/{path.name}")) from error
