"""Device groups of an Inventory: what equal devices of one node are, and how they can be had."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from clusters.inventory_values import (
    LabelKey,
    LabelValue,
    ProfileName,
    Quantity,
    SemanticVersion,
    Strict,
    amount_of,
)


class TaintEffect(StrEnum):
    """What a taint of a device does to claims that do not tolerate it."""

    NONE = "None"
    """Nothing; it can be seen."""
    NO_SCHEDULE = "NoSchedule"
    """The device is not given out."""
    NO_EXECUTE = "NoExecute"
    """Pods that have the device are evicted as well."""


class Health(StrEnum):
    """What a driver says about the state of a device."""

    HEALTHY = "healthy"
    """It works."""
    UNHEALTHY = "unhealthy"
    """It is broken: nothing new is given to it."""
    UNKNOWN = "unknown"
    """The driver cannot tell."""


class DeviceTaint(Strict):
    """Keeps claims away from the devices of a group, as a driver's own taint does."""

    key: LabelKey
    """Key of the taint."""
    value: LabelValue = ""
    """Value of the taint."""
    effect: TaintEffect
    """What it does."""


class PartitionProfile(Strict):
    """One way of cutting a part out of a device."""

    name: ProfileName
    """Attribute `profile` of the partition."""
    slices: int = Field(ge=1, le=128)
    """How many of the device's slices it takes."""
    memory: Quantity
    """How much of the device's memory it takes."""
    count: int | None = Field(default=None, ge=1, le=32)
    """How many are published for each device; without it as many as fit on an empty one."""


class Partitions(Strict):
    """How each device can be had in parts, or whole."""

    slices: int = Field(ge=1, le=128)
    """How many slices a whole device has."""
    profiles: tuple[PartitionProfile, ...] = Field(min_length=1, max_length=16)
    """What can be cut out of it."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [profile.name.replace(".", "-") for profile in self.profiles]
        if len(set(names)) != len(names):
            raise ValueError("names of profiles must differ, also with '-' in place of '.'")
        return self


class Sharing(Strict):
    """Lets a device be given to several claims at once, each with a part of its memory."""

    default: Quantity
    """What a claim takes that does not say how much it wants."""
    min: Quantity | None = None
    """The least that a claim takes."""
    max: Quantity | None = None
    """The most that a claim can have."""
    step: Quantity | None = None
    """What is asked for is rounded up to `min` and a multiple of this."""
    values: tuple[Quantity, ...] = Field(default=(), max_length=10)
    """The only amounts there are, from small to large; what is asked for is rounded up to one."""

    @model_validator(mode="after")
    def _is_a_policy(self) -> Self:
        if problems := self._problems():
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> list[str]:
        """Return what the API server would refuse of a requestPolicy (resource.k8s.io/v1)."""
        if self.values and (self.min or self.max or self.step):
            return ["takes either `values` or `min`, `max` and `step`"]
        if self.values:
            return self._problems_of_values()
        if self.min is None:
            return ["`max` and `step` need `min`"] if self.max or self.step else []
        return self._problems_of_range(self.min)

    def _problems_of_values(self) -> list[str]:
        amounts = [amount_of(value) for value in self.values]
        problems = []
        if amounts != sorted(set(amounts)):
            problems.append("`values` must go from small to large")
        if amount_of(self.default) not in amounts:
            problems.append("`default` must be one of `values`")
        return problems

    def _problems_of_range(self, least: str) -> list[str]:
        low, default = amount_of(least), amount_of(self.default)
        problems = []
        if default < low:
            problems.append("`default` must not be less than `min`")
        if self.max and default > amount_of(self.max):
            problems.append("`default` must not be more than `max`")
        if self.step and amount_of(self.step) == 0:
            problems.append("`step` must be more than nothing")
        elif self.step:
            for name, value in (("default", self.default), ("max", self.max)):
                if value and (amount_of(value) - low) % amount_of(self.step):
                    problems.append(f"`{name}` must be `min` and a multiple of `step`")
        return problems

    def amounts(self) -> tuple[str, ...]:
        """Return every amount that stands here."""
        named = (self.default, self.min, self.max)
        return (*(amount for amount in named if amount), *self.values)


class DeviceGroup(Strict):
    """Devices of one kind in one node."""

    model: Annotated[str, Field(min_length=1, max_length=64)]
    """Attribute `model` of each device."""
    count: int = Field(ge=1, le=128)
    """How many."""
    memory: Quantity
    """Capacity `memory` of each device, a Kubernetes quantity."""
    driver_version: SemanticVersion = Field(alias="driverVersion")
    """Attribute `driverVersion`, a semantic version 2.0.0, as attributes of type `version` are."""
    numa_nodes: int = Field(default=1, alias="numaNodes", ge=1, le=16)
    """Devices are spread evenly over this many NUMA nodes (attribute `numaNode`)."""
    nvlink_islands: int = Field(default=0, alias="nvlinkIslands", ge=0, le=128)
    """... and over so many islands of NVLink (attribute `nvlinkIsland`); 0 means no NVLink."""
    partitions: Partitions | None = None
    """How each device can be had in parts."""
    sharing: Sharing | None = None
    """How each device can be given to several claims at once."""
    taints: tuple[DeviceTaint, ...] = Field(default=(), max_length=15)
    """What keeps claims away from the devices."""
    health: Health = Health.HEALTHY
    """What the driver says about the devices."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [*self._problems_of_partitions(), *self._problems_of_sharing()]
        if self.nvlink_islands > self.count:
            problems.append("`nvlinkIslands` must not be more than `count`")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems_of_partitions(self) -> list[str]:
        if self.partitions is None:
            return []
        return [
            f"a partition {profile.name} does not fit into a device"
            for profile in self.partitions.profiles
            if not self.fitting(profile)
        ]

    def _problems_of_sharing(self) -> list[str]:
        if self.sharing is None:
            return []
        problems = []
        if self.partitions is not None:
            problems.append("takes either `partitions` or `sharing`: make two groups")
        if any(amount_of(one) > amount_of(self.memory) for one in self.sharing.amounts()):
            problems.append("`sharing` gives more than the `memory` of a device")
        return problems

    def fitting(self, profile: PartitionProfile) -> int:
        """Return how many partitions of one profile fit into an empty device."""
        if self.partitions is None:
            return 0
        by_slices = self.partitions.slices // profile.slices
        taken = amount_of(profile.memory)
        return min(by_slices, int(amount_of(self.memory) // taken)) if taken else by_slices

    def published(self, profile: PartitionProfile) -> int:
        """Return how many partitions of one profile are published for each device."""
        return profile.count or self.fitting(profile)

    def entries(self) -> int:
        """Return how many devices of a ResourceSlice the group makes, its partitions included."""
        profiles = self.partitions.profiles if self.partitions else ()
        return self.count * (1 + sum(map(self.published, profiles)))
