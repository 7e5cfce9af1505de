from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from graders.authoring import new_lab

Assay = Any


@pytest.mark.parametrize(
    "command",
    ["list", "start", "check", "finish", "new", "lint", "rehearse"],
)
def test_help_teaches_with_an_example(assay: Assay, command: str) -> None:
    done = assay("lab", command, "--help")

    assert done.code == 0
    assert f"assay lab {command}" in done.out
    assert "--json" in done.out


def test_the_list_says_what_this_installation_cannot_run(assay: Assay, labs: Path) -> None:
    path = new_lab("needs-more", "Needs more", labs) / "lab.yaml"
    document = {**yaml.safe_load(path.read_text()), "capabilities": ["scheduling", "gpu"]}
    path.write_text(yaml.safe_dump(document))
    (labs / "broken").mkdir()

    text, listed = assay("lab", "list"), assay("lab", "list", "--json")

    shutil.rmtree(labs / "needs-more")
    (labs / "broken").rmdir()
    assert text.code == listed.code == 0
    assert "no, needs gpu" in text.out
    assert "broken cannot be read" in text.err
    by_slug = {lab["slug"]: lab for lab in listed.json}
    assert by_slug["small-lab"]["missing_capabilities"] == []
    assert by_slug["needs-more"]["missing_capabilities"] == ["gpu"]
    assert by_slug["broken"]["problems"]
    assert "parameters" not in by_slug["small-lab"]


def test_lint_tells_good_from_bad_by_its_exit_code(assay: Assay, labs: Path) -> None:
    bad = new_lab("bad-lab", "Bad", labs)
    (bad / "notebook.ipynb").unlink()

    good = assay("lab", "lint", "small-lab")
    every = assay("lab", "lint", "--all", "--json")
    by_folder = assay("lab", "lint", str(bad))

    shutil.rmtree(bad)
    assert (good.code, good.out) == (0, "✓ small-lab\n")
    assert every.code == 1
    assert every.json["true"] is False
    assert [len(lab["problems"]) for lab in every.json["labs"]] == [1, 0]
    assert by_folder.code == 1
    assert by_folder.out.startswith("✗ ")
    assert by_folder.out.endswith("notebook.ipynb: cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["lab", "lint"], "name labs by slug or folder, or give --all"),
        (["lab", "lint", "small-lab", "--all"], "name labs by slug or folder, or give --all"),
        (["lab", "lint", "nix"], "there is no lab 'nix'"),
        (["lab", "start", "nix"], "there is no lab 'nix'"),
        (["lab", "check"], "you work at no lab"),
        (["lab", "check", "small-lab"], "you have not started small-lab; begin with"),
        (["lab", "finish", "nix"], "there is no lab 'nix'"),
        (["lab", "new", "small-lab"], "small-lab: exists already"),
        (["lab", "new", "Bad Name"], "slug 'Bad Name': use 1 to 30"),
        (["lab", "rehearse", "small-lab", "--seeds", "0"], "0 is not in the range"),
        (["lab", "nonsense"], "No such command"),
        (["attempt", "show", "nix"], "there is no attempt 'nix'"),
        (["attempt", "export", "nix"], "there is no attempt 'nix'"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    assay: Assay, arguments: list[str], sentence: str
) -> None:
    done = assay(*arguments)

    assert done.code == 2
    assert sentence in done.err
    assert done.out == ""


def test_a_database_that_cannot_be_reached_is_the_platforms(assay: Assay) -> None:
    done = assay("attempt", "list", env={"ASSAY_DATABASE_URL": "sqlite:////nowhere/x.db"})

    assert done.code == 3
    assert done.err == "assay: the database at /nowhere/x.db cannot be used: " + (
        "No such file or directory\n"
    )


def test_a_new_lab_says_what_to_type_next(assay: Assay, labs: Path, tmp_path: Path) -> None:
    made = assay("lab", "new", "made-lab")
    elsewhere = assay("lab", "new", "made-lab", "--title", "Made", "--to", str(tmp_path), "--json")

    assert "assay lab rehearse made-lab" in made.out
    assert find_lab_title(labs / "made-lab") == "Made lab"
    assert elsewhere.json == {"lab": "made-lab", "folder": str(tmp_path / "made-lab")}
    shutil.rmtree(labs / "made-lab")


def find_lab_title(folder: Path) -> str:
    return str(yaml.safe_load((folder / "lab.yaml").read_text())["title"])
