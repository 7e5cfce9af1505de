"""A lab that is edited changes no attempt that is under way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from clusters.errors import InputInvalid
from graders.attempts import Attempts
from graders.attempts.grading import grading_job
from graders.attempts.lifecycle import rendered_lab_of
from graders.attempts.rules import variant_of
from graders.catalogue import find_lab
from graders.ledger import Attempt, Ledger


@pytest.fixture
def folder(labs: Path) -> Iterator[Path]:
    """The folder of `bare-lab`; what a test changes in it is changed back."""
    folder, kept = labs / "bare-lab", labs.parent / "kept"
    shutil.copytree(folder, kept)
    yield folder
    shutil.rmtree(folder)
    kept.rename(folder)


def edit(folder: Path, **parameters: Any) -> None:
    """Change lab.yaml and the notebook as an author might: another word, another sentence."""
    document = yaml.safe_load((folder / "lab.yaml").read_text())
    document["parameters"] |= parameters
    (folder / "lab.yaml").write_text(yaml.safe_dump(document))
    notebook = json.loads((folder / "notebook.ipynb").read_text())
    notebook["cells"][0]["source"] = "Changed: {{ web }}"
    (folder / "notebook.ipynb").write_text(json.dumps(notebook))
    (folder / "inventory.yaml").write_text(
        "apiVersion: assay.dev/v1\nkind: Inventory\nnodes: [{name: another}]\n"
    )


def test_an_attempt_keeps_notebook_inventory_and_parameters(
    pretended: Attempts, folder: Path
) -> None:
    attempt = pretended.start("ada", "bare-lab")
    lab = find_lab("bare-lab")
    before = pretended.notebook(attempt), variant_of(attempt, lab).values
    inventory = rendered_lab_of(pretended.ledger, attempt, lab).inventory

    edit(folder, web={"word": "other"}, more={"choice": ["new"]})
    lab, again = find_lab("bare-lab"), pretended.ledger.attempt(attempt.id)
    job = grading_job(again, lab, pretended.provider.status(again.cluster), lab.task_ids)

    assert pretended.notebook(again) == before[0]
    assert rendered_lab_of(pretended.ledger, again, lab).inventory == inventory
    assert job.variant.values == {**before[1], "more": "new"}
    assert pretended.start("ada", "bare-lab").id == attempt.id


def test_a_new_attempt_gets_the_lab_as_it_is_now(pretended: Attempts, folder: Path) -> None:
    attempt = pretended.start("ada", "bare-lab")
    edit(folder, web={"word": "other"})
    pretended.finish(attempt.id)

    new = pretended.start("ada", "bare-lab")

    source = pretended.notebook(new)["cells"][0]["source"]
    assert source == f"Changed: {new.drawn['web']}"
    assert str(new.drawn["web"]).startswith("other-")


def test_a_lab_that_cannot_be_filled_in_is_refused_before_anything_starts(
    pretended: Attempts, folder: Path
) -> None:
    edit(folder)
    (folder / "inventory.yaml").write_text("kind: {{ nothing }}")
    (folder / "notebook.ipynb").write_text("{}")

    with pytest.raises(InputInvalid) as caught:
        pretended.start("ada", "bare-lab")

    assert len(caught.value.problems) == 2
    assert pretended.ledger.attempts() == []


def test_attempts_of_before_get_what_their_seed_draws(ledger: Ledger, folder: Path) -> None:
    lab = find_lab("bare-lab")
    old = Attempt(
        id="0" * 32, learner="ada", lab="bare-lab", lab_version="0.1.0", seed=7,
        state="open", provider="embedded", cluster="c", assurance="practice",  # type: ignore[arg-type]
        started_at="2026-01-01T00:00:00Z", deadline_at="2026-01-01T01:00:00Z",
    )  # fmt: skip

    rendered = rendered_lab_of(ledger, old, lab)

    assert variant_of(old, lab)["web"] in str(rendered.notebook)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE attempts SET drawn = '{}'",
        "UPDATE rendered_labs SET body = ''",
        "DELETE FROM rendered_labs",
    ],
)
def test_what_was_drawn_cannot_be_changed(pretended: Attempts, statement: str) -> None:
    pretended.start("ada", "bare-lab")

    with pytest.raises(DBAPIError, match="append-only"), pretended.ledger.engine.begin() as open_:
        open_.execute(text(statement))


def test_what_was_drawn_is_told_to_nobody(pretended: Attempts) -> None:
    attempt = pretended.start("ada", "bare-lab")

    assert attempt.drawn
    assert not {"drawn", "seed", "baseline"} & set(attempt.to_json())
