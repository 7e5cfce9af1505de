"""Safeguard: an object of the starting state and what must stay true of it, as lab.yaml says it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from clusters.errors import InputInvalid
from graders.templating import fill_in

TITLE_LIMIT = 120
"""Characters of a safeguard's title."""
SAFEGUARD_ID = r"^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$"


class Rule(StrEnum):
    """What must stay true of an object."""

    SURVIVES = "survives"
    """It is never deleted: it keeps its uid."""
    UNTOUCHED = "untouched"
    """It survives, and its contents (all but metadata and status) are never changed."""
    SCALED = "scaled"
    """It survives, and never wants zero replicas."""
    EXISTS = "exists"
    """It may be replaced by one of the same name, but not be away."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class GuardedObject(_Strict):
    """Which object; name and namespace may hold parameters."""

    kind: str = Field(min_length=1)
    name: str = Field(min_length=1)
    namespace: str | None = None
    api_version: str | None = Field(default=None, alias="apiVersion")
    """Needed for kinds that several groups have."""


class Safeguard(_Strict):
    """One thing that must not be broken."""

    id: str = Field(pattern=SAFEGUARD_ID)
    title: str = Field(min_length=1, max_length=TITLE_LIMIT)
    """What must stay, as the learner reads it."""
    object: GuardedObject
    rule: Rule
    guards: tuple[str, ...] = ()
    """Ids of the tasks that fail once it is broken; every task of the lab without any."""

    def guards_task(self, task: str) -> bool:
        """Whether a task fails once this is broken."""
        return not self.guards or task in self.guards

    @model_validator(mode="after")
    def _contents_may_be_kept(self) -> Safeguard:
        if self.rule is Rule.UNTOUCHED and self.object.kind.casefold() in ("secret", "secrets"):
            raise ValueError(
                "object: the contents of a Secret are not kept to compare them; use rule survives"
            )
        return self


def problems_of(safeguards: Iterable[Safeguard], tasks: Collection[str]) -> list[str]:
    """Return what is wrong with the safeguards of a lab with these tasks."""
    problems, seen = [], set[str]()
    for safeguard in safeguards:
        if safeguard.id in seen:
            problems.append(f"safeguards: the id {safeguard.id} is used twice")
        seen.add(safeguard.id)
        problems += [
            f"safeguards: {safeguard.id} guards {task!r}, which is no task of this lab"
            for task in safeguard.guards
            if task not in tasks
        ]
    return problems


def fill_in_safeguards(
    safeguards: Iterable[Safeguard], values: Mapping[str, Any], origin: str
) -> tuple[Safeguard, ...]:
    """Return the safeguards with their objects as one variant calls them.

    Raises:
        InputInvalid: with every problem, `origin` first.
    """
    filled, problems = [], list[str]()
    for safeguard in safeguards:
        texts = {}
        for key in ("name", "namespace"):
            if template := getattr(safeguard.object, key):
                where = f"{origin}: safeguards: {safeguard.id}: {key}"
                texts[key], found = fill_in(template, values, where)
                problems += found
        placed = safeguard.object.model_copy(update=texts)
        filled.append(safeguard.model_copy(update={"object": placed}))
    if problems:
        raise InputInvalid(problems)
    return tuple(filled)
