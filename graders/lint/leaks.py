"""Lint of leaks: what the platform shows every learner must not depend on an answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from clusters.errors import InputInvalid
from graders.lab import Lab
from graders.lint.seeds import SEEDS
from graders.rendering import render_manifests
from graders.variant import Variant, draw_variant

SHOWN_NAMESPACE = "assay-system"
"""Where a lab puts what its notebook says anyway, for everybody to read."""


def leak_problems(lab: Lab) -> Iterator[str]:
    """Yield the objects in `assay-system` that change when only an answer changes."""
    told: dict[str, None] = {}
    for seed in SEEDS:
        variant = draw_variant(lab.document.parameters, seed)
        try:
            shown, other = _shown(lab, variant), _shown(lab, _other_answers(lab, variant))
        except InputInvalid:
            return  # told by the lint of the manifests
        told |= dict.fromkeys(name for name in shown if shown[name] != other.get(name))
    for name in told:
        yield f"{lab.folder / 'manifests'}: {name}: tells everybody an answer"


def _other_answers(lab: Lab, variant: Variant) -> Variant:
    """Return a variant that differs in the answers alone."""
    other = draw_variant(lab.document.parameters, variant.seed + len(SEEDS)).values
    answers = {name: other[name] for name in variant.answers}
    return replace(variant, values={**variant.values, **answers})


def _shown(lab: Lab, variant: Variant) -> dict[str, Any]:
    return {
        f"{manifest['kind']} {SHOWN_NAMESPACE}/{manifest['metadata']['name']}": manifest
        for manifest in render_manifests(lab, variant)
        if manifest["metadata"].get("namespace") == SHOWN_NAMESPACE
    }
