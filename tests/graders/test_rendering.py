from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clusters.errors import InputInvalid
from clusters.inventory import default_inventory
from graders.authoring import new_lab
from graders.lab import Lab, load_lab
from graders.rendering import render_inventory, render_manifests, render_notebook
from graders.variant import Variant, draw_variant


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return load_lab(new_lab("ape", "Ape", tmp_path))


@pytest.fixture
def variant(lab: Lab) -> Variant:
    return draw_variant(lab.document.parameters, 7)


def problems_of(render: Callable[[Lab, Variant], Any], lab: Lab, variant: Variant) -> list[str]:
    with pytest.raises(InputInvalid) as caught:
        render(lab, variant)
    return [problem.removeprefix(f"{lab.folder}/") for problem in caught.value.problems]


def test_one_seed_gives_the_same_names_everywhere(lab: Lab, variant: Variant) -> None:
    manifests = render_manifests(lab, variant)
    notebook = json.dumps(render_notebook(lab, variant))

    assert manifests[0]["metadata"]["name"] == variant["space"]
    assert variant["space"] in notebook
    assert manifests == render_manifests(lab, draw_variant(lab.document.parameters, 7))
    assert manifests != render_manifests(lab, draw_variant(lab.document.parameters, 8))


def test_files_are_applied_in_the_order_of_their_names(lab: Lab, variant: Variant) -> None:
    (lab.folder / "manifests" / "05-first.yaml").write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: first}\n---\n# nothing\n---\n"
    )

    assert render_manifests(lab, variant)[0]["metadata"]["name"] == "first"


def test_without_an_inventory_the_default_nodes_are_taken(lab: Lab, variant: Variant) -> None:
    assert [n.labels for n in render_inventory(lab, variant).nodes] == [
        {"zone": "a"},
        {"zone": "b"},
    ]
    (lab.folder / "inventory.yaml").unlink()

    assert render_inventory(lab, variant) == default_inventory()


def test_every_problem_of_every_manifest_is_told_with_its_place(lab: Lab, variant: Variant) -> None:
    manifests = lab.folder / "manifests"
    for file in manifests.iterdir():
        file.unlink()
    (manifests / "1.yaml").write_text("a: 1\nname: {{ nobody }}\nother: {{ space }}{{ noone }}\n")
    (manifests / "2.yaml").write_text("a: {{ space\n")
    (manifests / "3.yaml").write_text("a: [1\n")
    (manifests / "4.yaml").write_text("- 1\n---\nkind: Pod\nmetadata: {name: 3}\n")
    (manifests / "5.yaml").write_text("a: 1\nb: {{ replicas / 0 }}\n")
    (manifests / "6.yaml").write_bytes(b"\xff\xfe")

    problems = problems_of(render_manifests, lab, variant)

    assert problems[3].startswith("manifests/3.yaml:2: is not YAML:")
    assert problems[:3] + problems[4:] == [
        "manifests/1.yaml:2: 'nobody' is not a parameter of lab.yaml",
        "manifests/1.yaml:3: 'noone' is not a parameter of lab.yaml",
        "manifests/2.yaml:1: unexpected end of template, expected 'end of print statement'.",
        "manifests/4.yaml: document 1: is not an object with apiVersion, kind and metadata",
        "manifests/4.yaml: document 2: apiVersion: is missing",
        "manifests/4.yaml: document 2: metadata.name: must be a text",
        "manifests/5.yaml:2: division by zero",
        "manifests/6.yaml: is not UTF-8 text",
    ]


@pytest.mark.parametrize(
    ("attack", "answer"),
    [
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "'__class__' of 'str' object is unsafe"),
        ("{{ cycler.__init__.__globals__.os.environ }}", "'__init__' of 'type' object is unsafe"),
        ("{% include '/etc/passwd' %}", "no loader for this environment specified"),
    ],
)
def test_a_template_cannot_reach_out_of_its_lab(
    lab: Lab, variant: Variant, attack: str, answer: str
) -> None:
    (lab.folder / "inventory.yaml").write_text(f"a: {attack}\n")

    (problem,) = problems_of(render_inventory, lab, variant)
    assert answer in problem


def test_what_a_parameter_lacks_is_no_empty_text(lab: Lab, variant: Variant) -> None:
    (lab.folder / "inventory.yaml").write_text("nodes: []\na: '{{ space.zone }}'\n")

    assert problems_of(render_inventory, lab, variant) == [
        "inventory.yaml:2: 'str object' has no attribute 'zone'"
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is not JSON"),
        ("[1", "is not JSON"),
        ("[]", "nbformat: must be 4; is this a notebook?"),
        ('{"nbformat": 3}', "nbformat: must be 4; is this a notebook?"),
        ('{"nbformat": 4}', "cells: must be a list"),
        ('{"nbformat": 4, "cells": [{"cell_type": "code"}, 3]}', "cell 1: is not a cell"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_notebook_that_is_not_one_is_one_sentence(
    lab: Lab, variant: Variant, content: str | None, problem: str
) -> None:
    path = lab.folder / "notebook.ipynb"
    path.unlink()
    if content is not None:
        path.write_text(content)

    assert problem in problems_of(render_notebook, lab, variant)[0]


def test_a_notebook_tells_the_cell_and_the_line(lab: Lab, variant: Variant) -> None:
    path = lab.folder / "notebook.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][2]["source"] = ["one\n", "{{ nobody }}\n"]
    path.write_text(json.dumps(notebook))

    problems = problems_of(render_notebook, lab, variant)

    assert problems == ["notebook.ipynb: cell 3:2: 'nobody' is not a parameter of lab.yaml"]
