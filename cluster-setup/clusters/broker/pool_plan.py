"""PoolPlan: how many clusters are to wait ready, and when. Read from `pool.yaml`.

    apiVersion: assay.dev/v1
    kind: Pool
    pools:
      - min: 2                        # always ready
        max: 12                       # never more, however many are asked for
        schedule:                     # a class at nine: ready a while before
          - days: [monday, thursday]
            from: "08:40"
            to: "09:20"
            ready: 12

docs/broker.md explains each key.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clusters.capability import Capability
from clusters.errors import InputInvalid
from clusters.home import home_path
from clusters.problems import describe_problems, matching
from clusters.spec import ClusterSpec

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAYS: tuple[Day, ...] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
Clock = Annotated[str, matching(r"([01]\d|2[0-3]):[0-5]\d", "a time of day such as 08:40")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Window(_Strict):
    """A time of the week at which more clusters are to be ready; local time of this machine."""

    days: tuple[Day, ...] = DAYS
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")
    ready: int = Field(ge=1, le=1000)
    """How many are to be ready."""

    def holds(self, now: datetime) -> bool:
        """Whether it is that time; one that ends before it starts goes on past midnight."""
        clock, today = now.strftime("%H:%M"), DAYS[now.weekday()]
        if self.start <= self.end:
            return today in self.days and self.start <= clock < self.end
        yesterday = DAYS[now.weekday() - 1]
        return (today in self.days and clock >= self.start) or (
            yesterday in self.days and clock < self.end
        )


class PoolPlan(_Strict):
    """How many clusters of one flavour are to wait ready."""

    least: int = Field(default=0, alias="min", ge=0, le=1000)
    """So many are always ready, if there is room."""
    most: int = Field(alias="max", ge=1, le=1000)
    """Never more than this, however many were asked for lately."""
    kubernetes: str = ""
    """Version; empty means the one that learners have."""
    capabilities: frozenset[Capability] = frozenset()
    """What they offer beyond scheduling."""
    addons: tuple[str, ...] = ()
    """What runs in them beside Kubernetes."""
    schedule: tuple[Window, ...] = ()

    @model_validator(mode="after")
    def _is_possible(self) -> PoolPlan:
        if max(self.least, *(window.ready for window in self.schedule), 0) > self.most:
            raise ValueError("min and what the schedule asks for must not exceed max")
        return self

    def spec(self, name: str, owner: str) -> ClusterSpec:
        """Return what a cluster of this pool is to be."""
        return ClusterSpec(
            name,
            owner=owner,
            kubernetes=self.kubernetes,
            capabilities=self.capabilities,
            addons=self.addons,
        )

    def flavour(self) -> str:
        """Return what its clusters are fit for, see `ClusterSpec.flavour`."""
        return self.spec("any", "").flavour()

    def wanted(self, now: datetime, asked_for: int) -> int:
        """Return how many are to be ready now.

        Args:
            now: the moment, in local time.
            asked_for: leases of this flavour that began lately: as many may come again.
        """
        scheduled = (window.ready for window in self.schedule if window.holds(now))
        return min(self.most, max(self.least, asked_for, *scheduled, 0))


class PoolFile(_Strict):
    """The content of `pool.yaml`."""

    api_version: Literal["assay.dev/v1"] = Field(default="assay.dev/v1", alias="apiVersion")
    kind: Literal["Pool"] = "Pool"
    pools: tuple[PoolPlan, ...]


def pool_file() -> Path:
    """Return where the plan of this installation is; it need not exist."""
    return home_path() / "pool.yaml"


def read_plans(path: Path | None = None) -> tuple[PoolPlan, ...]:
    """Read the plan of this installation; nothing waits ready where there is none.

    Raises:
        InputInvalid: with every problem of the file.
    """
    path = path or pool_file()
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputInvalid([f"{path}: cannot be read: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputInvalid([f"{path}: is not YAML: {' '.join(str(error).split())}"]) from error
    try:
        return PoolFile.model_validate(document).pools
    except ValidationError as error:
        raise InputInvalid(describe_problems(error, str(path))) from error
