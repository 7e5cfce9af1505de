"""`assay lab preview`: the lab as the learner with a seed gets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Assay = Callable[..., Any]


def test_a_preview_is_what_the_seed_gives_a_learner(assay: Assay) -> None:
    one = assay("lab", "preview", "small-lab", "--seed", "7", "--json").json

    assert one == assay("lab", "preview", "small-lab", "--seed", "7", "--json").json
    assert one != assay("lab", "preview", "small-lab", "--seed", "8", "--json").json
    assert one["seed"] == 7
    assert one["answers"] == ["missing_zone"]
    space = one["parameters"]["space"]
    assert [m["kind"] for m in one["manifests"]].count("Namespace") == 2
    assert space in json.dumps(one["manifests"])
    assert space in json.dumps(one["notebook"])
    assert one["parameters"]["missing_zone"] not in json.dumps(one["notebook"])
    assert one["inventory"]["kind"] == "Inventory"


def test_a_preview_can_be_read_by_people(assay: Assay) -> None:
    done = assay("lab", "preview", "small-lab", "--seed", "7")

    assert done.code == 0
    assert "missing_zone" in done.out
    assert "kind: Deployment" in done.out
    assert "%check run-replicas" in done.out


def test_a_lab_that_cannot_be_filled_in_says_why(assay: Assay, labs: Any) -> None:
    notebook = labs / "small-lab" / "notebook.ipynb"
    text = notebook.read_text()
    notebook.write_text(text.replace("{{ web }}", "{{ wob }}"))

    done = assay("lab", "preview", "small-lab", "--json")

    notebook.write_text(text)
    assert done.code == 2
    assert "'wob' is not a parameter" in done.err
    assert done.out == ""
