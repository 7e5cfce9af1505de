"""What holds for every lab of this repository, without starting a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from graders.catalogue import all_labs, labs_folder
from graders.lab import Lab
from graders.lint import lint_lab
from graders.rendering import cell_source, render_inventory, render_notebook
from graders.variant import draw_variant

LABS = [lab for lab in all_labs() if isinstance(lab, Lab)]
SEEDS = range(60)

each_lab = pytest.mark.parametrize("lab", LABS, ids=[lab.slug for lab in LABS])


def cells_of(lab: Lab, seed: int = 0) -> list[dict[str, Any]]:
    variant = draw_variant(lab.document.parameters, seed)
    cells: list[dict[str, Any]] = render_notebook(lab, variant)["cells"]
    return cells


def sections(lab: Lab) -> Iterator[tuple[str, str]]:
    """Yield each task with the prose since the check before it."""
    prose = ""
    for cell in cells_of(lab):
        if cell["cell_type"] == "markdown":
            prose += cell_source(cell)
        elif match := re.fullmatch(r"%check (\S+)", cell_source(cell).strip()):
            yield match[1], prose
            prose = ""


def test_every_folder_is_a_lab() -> None:
    assert LABS
    assert [lab for lab in all_labs() if not isinstance(lab, Lab)] == []


@each_lab
def test_lint_finds_nothing(lab: Lab) -> None:
    assert lint_lab(lab.folder) == []


@each_lab
def test_the_notebook_checks_every_task_in_the_order_of_the_lab(lab: Lab) -> None:
    assert tuple(task for task, _ in sections(lab)) == lab.task_ids


@each_lab
def test_every_task_is_introduced_and_has_a_hint_that_opens(lab: Lab) -> None:
    for task, prose in sections(lab):
        assert "### Task: " in prose, task
        assert "<details><summary>Hint" in prose, task
        assert prose.count("<details>") == prose.count("</details>"), task


@each_lab
def test_a_notebook_is_given_out_without_outputs(lab: Lab) -> None:
    code = [cell for cell in cells_of(lab) if cell["cell_type"] == "code"]

    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)


@each_lab
def test_no_notebook_shows_an_answer(lab: Lab) -> None:
    answers = [name for name, spec in lab.document.parameters.items() if spec.answer]
    for seed in SEEDS:
        variant = draw_variant(lab.document.parameters, seed)
        text = "\n".join(cell_source(cell) for cell in cells_of(lab, seed))
        shown = [name for name in answers if isinstance(variant[name], str)]
        assert [name for name in shown if variant[name] in text] == []


@each_lab
def test_the_catalogue_gives_no_parameters_away(lab: Lab) -> None:
    assert "parameters" not in lab.to_json()


def test_paths_are_made_of_labs_that_exist() -> None:
    paths = yaml.safe_load((labs_folder() / "paths.yaml").read_text(encoding="utf-8"))["paths"]

    labs = {slug for path in paths for slug in path["labs"]}
    assert labs <= {lab.slug for lab in LABS}


def test_every_seed_of_claim_a_gpu_leaves_room_for_learner_and_grader() -> None:
    """All tasks done at once hold 14 devices; a rollout and the grader's probe need one each."""
    [lab] = [lab for lab in LABS if lab.slug == "dra-01-claim-a-gpu"]
    for seed in SEEDS:
        variant = draw_variant(lab.document.parameters, seed)
        groups = [group for node in render_inventory(lab, variant).nodes for group in node.devices]
        roomy = [
            group.count
            for group in groups
            if int(group.memory.removesuffix("Gi")) >= variant["roomy_memory"]
            and group.driver_version == variant["current_driver"]
        ]
        assert sum(group.count for group in groups) >= 26
        # The Pods that take any device spread over three nodes, and take small ones first.
        assert sum(roomy) >= 6
