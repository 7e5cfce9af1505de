"""Paths: read strictly, all problems at once; those of this repository lead somewhere."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

import pytest
import yaml

from clusters.errors import InputInvalid, NotFound
from graders.lab import load_lab
from web.paths import find_path, load_paths

LABS = File(__file__).parents[3] / "labs"
GOOD: dict[str, Any] = {
    "id": "devices",
    "name": "Devices",
    "description": "Claims accelerators.",
    "criteria": "Every task.",
    "labs": ["claim-a-gpu"],
}


def write(folder: File, *paths: Any) -> File:
    (folder / "paths.yaml").write_text(yaml.safe_dump({"paths": list(paths)}), encoding="utf-8")
    return folder


def test_every_path_of_this_repository_has_its_labs() -> None:
    paths = load_paths(LABS)

    assert paths
    assert all(load_lab(LABS / slug) for path in paths for slug in path.labs)


def test_no_path_bears_a_name_that_is_somebody_elses() -> None:
    marks = ("certified kubernetes", "certified by", "cnpe", "cka", "conformant")

    for path in load_paths(LABS):
        assert not [mark for mark in marks if mark in path.title.lower()]


def test_an_installation_without_paths_has_none(tmp_path: File) -> None:
    assert load_paths(tmp_path) == ()
    assert load_paths(write(tmp_path)) == ()


def test_every_problem_is_named_at_once(tmp_path: File) -> None:
    bad = {"id": "Not An Id", "name": "", "labs": ["../etc"], "months": 0, "level": 7, "extra": 1}

    with pytest.raises(InputInvalid) as refusal:
        load_paths(write(tmp_path, GOOD, bad))

    problems = "\n".join(refusal.value.problems)
    for key in ("id", "name", "description", "criteria", "months", "level", "extra"):
        assert f"paths[1].{key}: " in problems


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        ([GOOD, GOOD], "used twice"),
        ([{**GOOD, "labs": ["a", "a"]}], "named twice"),
        ([{**GOOD, "labs": ["../etc"]}], "not the slug"),
        ([{**GOOD, "labs": []}], "labs"),
        ([{**GOOD, "assurance": "none"}], "assurance"),
        (
            [{**GOOD, "alignment": [{"name": "x", "framework": "y", "code": "z", "url": "z"}]}],
            "url",
        ),
    ],
)
def test_a_path_that_makes_no_sense_is_refused(tmp_path: File, paths: Any, says: str) -> None:
    with pytest.raises(InputInvalid, match=says):
        load_paths(write(tmp_path, *paths))


def test_a_file_that_is_no_yaml_is_named(tmp_path: File) -> None:
    (tmp_path / "paths.yaml").write_text("paths: [", encoding="utf-8")

    with pytest.raises(InputInvalid, match=r"paths\.yaml: is not YAML"):
        load_paths(tmp_path)


def test_a_path_that_does_not_exist_names_those_that_do(tmp_path: File) -> None:
    with pytest.raises(NotFound, match="there: devices"):
        find_path("gone", write(tmp_path, GOOD))
