"""Lab and Task: a folder with a `lab.yaml`, read strictly, all problems at once.

apiVersion: assay.dev/v1
kind: Lab
id: 6c0f2a58-...                 # identity; survives a rename of the folder
slug: dra-01-claim-a-gpu         # the folder's name
version: 1.0.0
title: Claim a GPU
summary: One sentence for the catalogue.
minutes: 40                      # time a learner needs; the deadline is minutes * 3
capabilities: [scheduling]
parameters:                      # drawn from the attempt's seed, see graders/variant.py
  model: {choice: [A100, H100]}
  count: {integer: [5, 9]}
tasks:
  - id: claim-a-gpu
    title: Claim a GPU
    points: 10
    domain: A                    # CNPE domain: A, D, P, O or S
    conformance: [dra_support]   # AI conformance requirement ids
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clusters.addons.catalogue import capabilities_needed, capabilities_of, existing
from clusters.capability import Capability
from clusters.errors import InputInvalid
from clusters.problems import describe_problems, matching
from graders.remembered import remembered
from graders.safeguards.safeguard import Safeguard, problems_of
from graders.timing import LONGEST, Mode, Timing
from graders.variant import ParameterSpec, order_of_draw

SLUG = r"^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$"
"""Also the name of the JupyterHub named server: 1-30 of [a-z0-9-], first a letter."""
TASK_ID = r"^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$"
Slug = Annotated[
    str, matching(SLUG, "a slug: 1 to 30 of a-z, 0-9 and '-', first a letter, last no '-'")
]
TaskId = Annotated[
    str, matching(TASK_ID, "a task id: 1 to 50 of a-z, 0-9 and '-', first a letter, last no '-'")
]
LabVersion = Annotated[
    str,
    matching(
        r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", "a version of three numbers such as 1.0.0"
    ),
]
LabId = Annotated[
    str,
    matching(
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "a UUID in lower case; `uuidgen` makes one",
    ),
]
TITLE_LIMIT = 80
"""Characters of the title of a lab or a task."""
DEADLINE_FACTOR = 3
"""An attempt may take this many times the lab's minutes; people stop for lunch."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Task(_Strict):
    """One thing the learner must bring about."""

    id: TaskId
    title: str = Field(min_length=1, max_length=TITLE_LIMIT)
    points: int = Field(ge=1, le=100)
    domain: Literal["A", "D", "P", "O", "S"]
    """The CNPE domain it belongs to."""
    conformance: tuple[str, ...] = ()
    """AI conformance requirement ids it exercises."""
    seconds: Annotated[int, Field(ge=1, le=300)] = 30
    """Time limit of its check: of one look, where it looks more than once."""
    mode: Mode = Mode.ASSERT
    """How often its check looks before it decides."""
    within: Annotated[int, Field(ge=0, le=LONGEST)] = 0
    """Seconds in which it must become true."""
    hold: Annotated[int, Field(ge=0, le=LONGEST)] = 0
    """Seconds for which it must then stay true."""

    concurrent: bool = False
    """Whether its check may run at once with others that may; each has a process of its own."""

    @property
    def timing(self) -> Timing:
        """How often its check looks."""
        return Timing(self.mode, self.within, self.hold)

    @property
    def limit(self) -> int:
        """Seconds that its whole check may take: waiting, staying true, and one look's work."""
        return self.seconds + self.within + self.hold

    @model_validator(mode="after")
    def _timing_fits_the_mode(self) -> Task:
        needed = {Mode.CONVERGE: "within", Mode.HOLD: "hold"}
        for mode, key in needed.items():
            if self.mode is mode and not getattr(self, key):
                raise ValueError(f"{key}: a task with mode {mode} needs it, at least 1")
        if self.within and self.mode is Mode.ASSERT:
            raise ValueError("within: only a task with mode converge or hold has it")
        if self.hold and self.mode is not Mode.HOLD:
            raise ValueError("hold: only a task with mode hold has it")
        return self


class LabDocument(_Strict):
    """The contents of `lab.yaml`."""

    api_version: Literal["assay.dev/v1"] = Field(alias="apiVersion")
    kind: Literal["Lab"]
    id: LabId
    slug: Slug
    version: LabVersion
    title: str = Field(min_length=1, max_length=TITLE_LIMIT)
    summary: str = Field(min_length=1, max_length=300)
    minutes: int = Field(ge=5, le=240)
    capabilities: tuple[Capability, ...] = (Capability.SCHEDULING,)
    addons: tuple[str, ...] = Field(default=(), max_length=20)
    parameters: dict[str, ParameterSpec] = Field(default_factory=dict)
    tasks: tuple[Task, ...] = Field(min_length=1, max_length=40)
    safeguards: tuple[Safeguard, ...] = Field(default=(), max_length=40)

    @model_validator(mode="after")
    def _task_ids_differ(self) -> LabDocument:
        ids = [task.id for task in self.tasks]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"tasks: the id {', '.join(twice)} is used twice")
        return self

    @model_validator(mode="after")
    def _safeguards_fit_the_tasks(self) -> LabDocument:
        if problems := problems_of(self.safeguards, [task.id for task in self.tasks]):
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _parameters_can_be_drawn(self) -> LabDocument:
        order_of_draw(self.parameters)
        return self


@dataclass(frozen=True)
class Lab:
    """A lab as found on disk."""

    folder: Path
    document: LabDocument

    @property
    def slug(self) -> str:
        """The folder's name, part of URLs, and the name of the notebook server."""
        return self.document.slug

    @property
    def version(self) -> str:
        """Semantic version; every verdict names it."""
        return self.document.version

    @property
    def title(self) -> str:
        """What people call it."""
        return self.document.title

    @property
    def needs(self) -> frozenset[Capability]:
        """What its cluster must offer by itself; its add-ons give the rest."""
        addons = [addon.name for addon in existing(self.document.addons)]
        asked = frozenset(self.document.capabilities) - capabilities_of(addons)
        return asked | capabilities_needed(addons)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks in their order."""
        return self.document.tasks

    @property
    def points(self) -> int:
        """All points together."""
        return sum(task.points for task in self.tasks)

    @property
    def task_ids(self) -> tuple[str, ...]:
        """The ids of the tasks in their order."""
        return tuple(task.id for task in self.tasks)

    def to_json(self) -> dict[str, Any]:
        """Return what the catalogue shows; no parameters, which could be answers."""
        hidden: Any = {"parameters": True, "safeguards": {"__all__": {"object"}}}
        document = self.document.model_dump(mode="json", by_alias=True, exclude=hidden)
        return {**document, "points": self.points}


def load_lab(folder: Path) -> Lab:
    """Read the lab in `folder`.

    Only `lab.yaml` is read here; `graders.lint` looks at the rest of the folder.

    Raises:
        InputInvalid: with every problem, each one sentence that names file and key.
    """
    path = folder / "lab.yaml"
    lab = Lab(folder, _read_document(path))
    if lab.slug != folder.resolve().name:
        raise InputInvalid([f"{path}: slug: is {lab.slug!r}, but the folder is {folder.name!r}"])
    return lab


@remembered
def _read_document(path: Path) -> LabDocument:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputInvalid([f"{path}: cannot be read: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputInvalid([f"{path}: is not YAML: {' '.join(str(error).split())}"]) from error
    try:
        return LabDocument.model_validate(document)
    except ValidationError as error:
        raise InputInvalid(describe_problems(error, str(path))) from error
