"""What lint says of the add-ons of a lab, and what they count for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from clusters.addons import AddOn, catalogue
from clusters.capability import Capability
from graders.authoring import new_lab
from graders.lab import load_lab
from graders.lint import lint_lab


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_lab("ape", "Ape", tmp_path)


def change(folder: Path, **keys: object) -> None:
    path = folder / "lab.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **keys}))


@pytest.fixture
def models() -> AddOn:
    """An add-on that gives a capability and requires one."""
    return AddOn(
        apiVersion="assay.dev/v1",
        kind="AddOn",
        name="models",
        version="v1.0.0",
        summary="s",
        requires=frozenset({Capability.NETWORKING}),
        capabilities=frozenset({Capability.INFERENCE}),
        providers=frozenset({"paper"}),
    )


def test_known_addons_are_no_problem(folder: Path) -> None:
    change(folder, addons=["kueue", "metrics-adapter"])

    assert lint_lab(folder) == []


def test_unknown_and_doubled_ones_are_told_with_file_and_key(folder: Path) -> None:
    change(folder, addons=["kewe", "kueue", "kueue"])

    found = lint_lab(folder)

    assert any(
        problem.startswith(f"{folder}/lab.yaml: addons: there is no add-on 'kewe'; the catalogue")
        for problem in found
    )
    assert f"{folder}/lab.yaml: addons: add-on kueue is named twice" in found


def test_what_an_addon_requires_must_stand_in_the_lab(
    folder: Path, models: AddOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalogue(), "models", models)
    change(folder, addons=["models"])

    assert lint_lab(folder) == [
        f"{folder}/lab.yaml: addons: add-on models needs the capability networking"
    ]


def test_addons_that_no_provider_runs_together_are_told(
    folder: Path, models: AddOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalogue(), "models", models)
    change(folder, addons=["models", "gateway-api"], capabilities=["scheduling", "networking"])

    (problem,) = lint_lab(folder)

    assert "no provider runs all of them: models on paper; gateway-api on embedded" in problem


def test_what_addons_give_counts_and_what_they_require_is_asked_of_the_cluster(
    folder: Path, models: AddOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalogue(), "models", models)
    change(folder, addons=["models"], capabilities=["scheduling", "inference"])

    assert load_lab(folder).needs == {Capability.SCHEDULING, Capability.NETWORKING}
