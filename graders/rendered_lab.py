"""RenderedLab: everything of a lab that its parameters fill in, for one variant.

It is made once, when an attempt starts, and kept with the attempt: a lab that is edited later
changes no attempt that is under way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from clusters.errors import InputInvalid
from clusters.inventory import Inventory
from graders.lab import Lab
from graders.rendering import (
    render_inventory,
    render_manifests,
    render_notebook,
    render_safeguards,
)
from graders.variant import Variant

T = TypeVar("T")


@dataclass(frozen=True)
class RenderedLab:
    """The filled-in files of a lab."""

    inventory: Inventory
    """The nodes and accelerators of the cluster."""
    manifests: list[dict[str, Any]]
    """The objects of the starting state, in the order they are applied."""
    notebook: dict[str, Any]
    """What the learner opens; nbformat 4."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "inventory": self.inventory.model_dump(mode="json", by_alias=True),
            "manifests": self.manifests,
            "notebook": self.notebook,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RenderedLab:
        """Make one of what `to_json` returned."""
        inventory = Inventory.model_validate(document["inventory"])
        return cls(inventory, document["manifests"], document["notebook"])


def render_lab(lab: Lab, variant: Variant) -> RenderedLab:
    """Fill in every file of a lab.

    Raises:
        InputInvalid: with every problem of every file.
    """
    problems: list[str] = []

    def attempt(render: Callable[[Lab, Variant], T]) -> T | None:
        try:
            return render(lab, variant)
        except InputInvalid as error:
            problems.extend(error.problems)
            return None

    inventory = attempt(render_inventory)
    manifests = attempt(render_manifests)
    notebook = attempt(render_notebook)
    attempt(render_safeguards)  # by names only, which the variant keeps
    if inventory is None or manifests is None or notebook is None or problems:
        raise InputInvalid(problems)
    return RenderedLab(inventory, manifests, notebook)
