"""What a learner can read holds no seed, and no answer but where they are to find it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graders.catalogue import all_labs
from graders.lab import Lab
from graders.rendered_lab import render_lab
from graders.variant import Variant, draw_variant

LABS = [found for found in all_labs() if isinstance(found, Lab)]
OF_THE_INVENTORY = {"Node", "ResourceSlice", "DeviceClass", "CSINode", "Lease"}
SHORTEST = 4
"""Shorter words, and numbers, occur everywhere."""
each_lab = pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)


def words(variant: Variant) -> set[str]:
    """Return the answers that are words."""
    values = [variant[name] for name in variant.answers]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return {item for item in flat if isinstance(item, str) and len(item) >= SHORTEST}


@each_lab
def test_the_notebook_does_not_depend_on_an_answer(lab: Lab) -> None:
    for seed in range(20):
        variant = draw_variant(lab.document.parameters, seed)
        other = draw_variant(lab.document.parameters, seed + 1000)
        answers = {name: other[name] for name in variant.answers}
        changed = replace(variant, values={**variant.values, **answers})

        notebook = render_lab(lab, variant).notebook

        assert notebook == render_lab(lab, changed).notebook
        assert not [word for word in words(variant) if word in json.dumps(notebook)]


@each_lab
def test_two_learners_have_different_answers_and_names(lab: Lab) -> None:
    seeds = [secrets.randbits(63) for _ in range(50)]
    variants = [draw_variant(lab.document.parameters, seed) for seed in seeds]
    answers = {json.dumps([v[name] for name in sorted(v.answers)]) for v in variants}

    assert len(answers) >= 45 or not variants[0].answers
    assert len({json.dumps(dict(v.values)) for v in variants}) == len(seeds)


@pytest.mark.cluster
@each_lab
def test_the_cluster_and_the_terminal_hold_no_seed_and_no_stray_answer(
    lab: Lab, open_desk: Any
) -> None:
    seed = secrets.randbits(62) + (1 << 62)
    with open_desk(lab.slug, seed) as desk:
        desk.report()  # what the grader leaves behind is looked at too
        terminal = (
            json.dumps(dict(desk.environment)) + Path(desk.environment["KUBECONFIG"]).read_text()
        )
        objects = list(everything(desk))

    text = terminal + json.dumps(objects)
    assert str(seed) not in text
    assert f"{seed:x}" not in text.lower()
    assert not [word for word in words(desk.variant) if word in terminal]
    stray = {
        (word, document["kind"], document["metadata"]["name"])
        for document in strays(objects, render_lab(lab, desk.variant).manifests)
        for word in words(desk.variant)
        if word in json.dumps(document)
    }
    assert not stray


def everything(desk: Any) -> Iterator[dict[str, Any]]:
    """Yield every object that the learner can read."""
    kinds = desk.kubectl("api-resources", "--verbs=list", "--output=name").split()
    listed = desk.kubectl("get", ",".join(sorted(kinds)), "--all-namespaces", "--output=json")
    yield from json.loads(listed)["items"]


def strays(
    objects: list[dict[str, Any]], manifests: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the objects that neither the lab nor its inventory put there, nor what they own."""
    placed = {identity(manifest) for manifest in manifests}
    by_uid = {document["metadata"].get("uid"): document for document in objects}

    def is_placed(document: Mapping[str, Any]) -> bool:
        about = document.get("involvedObject") or document.get("regarding")
        owners = [*document["metadata"].get("ownerReferences", ()), *([about] if about else ())]
        return (
            identity(document) in placed
            or document["kind"] in OF_THE_INVENTORY
            or any(is_placed(by_uid[o["uid"]]) for o in owners if o.get("uid", "") in by_uid)
        )

    for document in objects:
        shown = document["metadata"].get("namespace") == "assay-system"
        if shown or not is_placed(document):
            yield document


def identity(document: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace", ""), metadata["name"]
