from __future__ import annotations

from pathlib import Path

import pytest

from clusters.errors import InputInvalid, NotFound
from graders.authoring import new_lab
from graders.catalogue import LabProblem, all_labs, find_lab, lab_at, lab_folder_at, labs_folder
from graders.lab import Lab


@pytest.fixture(autouse=True)
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_LABS", str(tmp_path))
    return tmp_path


def test_a_broken_lab_does_not_hide_the_others(labs: Path) -> None:
    for slug in ("zebra", "ape"):
        new_lab(slug, slug, labs)
    (labs / "middle").mkdir()
    (labs / ".hidden").mkdir()
    (labs / "__pycache__").mkdir()
    (labs / "paths.yaml").write_text("")

    found = all_labs()

    assert [lab.slug for lab in found] == ["ape", "middle", "zebra"]
    assert [type(lab) for lab in found] == [Lab, LabProblem, Lab]
    assert isinstance(found[1], LabProblem)
    assert "cannot be read" in found[1].problems[0]


def test_without_labs_the_catalogue_is_empty(labs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_LABS", str(labs / "nowhere"))

    assert all_labs() == []
    with pytest.raises(NotFound, match="there: none"):
        find_lab("any")


def test_the_labs_of_the_repository_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_LABS")

    assert labs_folder().name == "labs"
    assert (labs_folder().parent / "pyproject.toml").is_file()


@pytest.mark.parametrize("slug", ["../ape", "..", ".", "", "ape/../ape", "/etc", "Ape", "a\nb"])
def test_a_slug_never_leads_out_of_the_folder(labs: Path, slug: str) -> None:
    new_lab("ape", "Ape", labs)

    with pytest.raises(NotFound, match="there is no lab"):
        find_lab(slug)


def test_an_author_may_name_a_folder_anywhere(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, labs: Path
) -> None:
    elsewhere = new_lab("ape", "Elsewhere", tmp_path_factory.mktemp("elsewhere"))
    here = new_lab("bee", "Here", labs)

    assert lab_at(str(elsewhere)).title == "Elsewhere"
    assert lab_at("bee").folder == here
    monkeypatch.chdir(elsewhere.parent)
    assert lab_at("ape").title == "Elsewhere"
    monkeypatch.chdir(elsewhere)
    assert lab_at(".").title == "Elsewhere"
    with pytest.raises(NotFound, match="there is no lab 'cat'"):
        lab_folder_at("cat")
    with pytest.raises(NotFound, match="there is no folder"):
        lab_folder_at("/no/such/place")


def test_every_problem_of_a_lab_file_is_told_with_its_key(labs: Path) -> None:
    path = new_lab("ape", "Ape", labs) / "lab.yaml"
    text = path.read_text().replace("minutes: 20", "minutes: 1\nminuets: 20")
    path.write_text(text.replace("points: 10", "points: ten"))

    with pytest.raises(InputInvalid) as caught:
        find_lab("ape")

    keys = sorted(problem.split(": ")[1] for problem in caught.value.problems)
    assert keys == ["minuets", "minutes", "tasks[0].points"]
