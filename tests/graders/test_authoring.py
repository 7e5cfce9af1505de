from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from clusters.errors import InputInvalid
from graders.authoring import new_lab
from graders.lab import load_lab
from graders.lint import lint_lab


@pytest.mark.parametrize(
    "title", ["Ape", 'It\'s "quoted": yes # really', "Größe 3 & <b>", "null", "- x", "a" * 80]
)
def test_a_new_lab_is_without_problems_whatever_its_title(tmp_path: Path, title: str) -> None:
    folder = new_lab("ape", title, tmp_path / "labs")

    assert load_lab(folder).title == title
    assert lint_lab(folder) == []
    assert title in json.loads((folder / "notebook.ipynb").read_text())["cells"][0]["source"][0]
    assert all(os.access(script, os.X_OK) for script in folder.rglob("*.sh"))
    assert list((tmp_path / "labs").iterdir()) == [folder]


def test_a_slug_that_looks_like_something_else_in_yaml_stays_a_text(tmp_path: Path) -> None:
    assert load_lab(new_lab("null", "Nothing", tmp_path)).slug == "null"
    assert load_lab(new_lab("on", "On", tmp_path)).slug == "on"


def test_two_new_labs_have_different_ids(tmp_path: Path) -> None:
    ids = {load_lab(new_lab(slug, slug, tmp_path)).document.id for slug in ("ape", "bee")}

    assert len(ids) == 2


def test_a_lab_is_never_overwritten(tmp_path: Path) -> None:
    folder = new_lab("ape", "Ape", tmp_path)
    (folder / "lab.yaml").write_text("mine")

    with pytest.raises(InputInvalid, match="ape: exists already"):
        new_lab("ape", "Ape", tmp_path)

    assert (folder / "lab.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("slug", "title", "problems"),
    [
        ("Ape", "Ape", ["slug 'Ape'"]),
        ("../ape", "Ape", ["slug '../ape'"]),
        ("a" * 31, "", ["slug 'aaaa", "title ''"]),
        ("ape", "a" * 81, ["title 'aaaa"]),
        ("ape", "two\nlines", ["title 'two"]),
        ("ape", "{{ 7 }}", ["title '{{ 7 }}'"]),
    ],
)
def test_every_problem_of_the_names_is_told(
    tmp_path: Path, slug: str, title: str, problems: list[str]
) -> None:
    with pytest.raises(InputInvalid) as caught:
        new_lab(slug, title, tmp_path)

    assert len(caught.value.problems) == len(problems)
    for told, begin in zip(caught.value.problems, problems, strict=True):
        assert told.startswith(begin)
    assert list(tmp_path.iterdir()) == []
