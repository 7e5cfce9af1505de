"""What the report card of a lab says about the lab as it is today."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from graders.authoring import new_lab
from graders.digests import lab_digest
from graders.lab import Lab, load_lab
from graders.rehearsal.cards import (
    CardState,
    card_of,
    card_text,
    document_digest,
    kubernetes_installed,
    publish_card,
    store_card,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return load_lab(new_lab("ape", "Ape", tmp_path))


def card_about(lab: Lab, **changes: Any) -> dict[str, Any]:
    return {
        "schema": "assay.dev/report-card/v1",
        "lab": lab.slug,
        "digest": lab_digest(lab.folder),
        "true": True,
        "kubernetes": [kubernetes_installed()],
        "finished_at": "2026-03-04T05:06:07Z",
        "problems": [],
        "runs": [{"kind": "solution", "name": "reference", "surprises": []}],
        **changes,
    }


def test_a_lab_that_nobody_rehearsed_has_no_card(lab: Lab) -> None:
    status = card_of(lab)

    assert status.state is CardState.MISSING
    assert status.to_json() == {
        "state": "missing",
        "sentence": "Nobody has rehearsed this lab.",
        "digest": "",
        "card": None,
    }


def test_a_rehearsed_lab_is_green_and_its_card_is_named_by_digest(lab: Lab) -> None:
    path = store_card(card := card_about(lab))

    status = card_of(lab)

    assert status.state is CardState.GREEN
    assert status.sentence == f"Proved on 2026-03-04 with Kubernetes {kubernetes_installed()}."
    assert status.digest == document_digest(card) == f"sha256:{path.stem}"
    assert json.loads(path.read_text()) == card
    assert "runs" not in status.to_json()["card"]


@pytest.mark.parametrize(
    "name", ["lab.yaml", "checks/test_tasks.py", "mutants/run-replicas/one-too-few.sh"]
)
def test_a_change_of_what_decides_makes_the_card_stale(lab: Lab, name: str) -> None:
    store_card(card_about(lab))

    with (lab.folder / name).open("a") as file:
        file.write("\n# changed\n")

    assert card_of(lab).state is CardState.STALE
    assert card_of(lab).sentence == "The lab was changed since its rehearsal of 2026-03-04."


def test_a_new_mutant_or_one_less_makes_the_card_stale(lab: Lab) -> None:
    store_card(card_about(lab))
    mutant = lab.folder / "mutants" / "run-replicas" / "new.sh"

    mutant.write_text("")
    assert card_of(lab).state is CardState.STALE

    mutant.unlink()
    assert card_of(lab).state is CardState.GREEN


@pytest.mark.parametrize(
    "name", ["notebook.ipynb", "README.md", "report-card.json", "checks/__pycache__/x.pyc"]
)
def test_what_decides_no_verdict_leaves_the_card_green(lab: Lab, name: str) -> None:
    store_card(card_about(lab))
    path = lab.folder / name

    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")

    assert card_of(lab).state is CardState.GREEN


def test_the_digest_is_the_same_wherever_the_folder_is(lab: Lab, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(lab.folder, tmp_path / "elsewhere" / "ape")

    assert lab_digest(elsewhere) == lab_digest(lab.folder)


def test_another_kubernetes_makes_the_card_stale(lab: Lab) -> None:
    store_card(card_about(lab, kubernetes=["v1.2.3"]))

    status = card_of(lab)

    assert status.state is CardState.STALE
    assert status.sentence == (
        f"Rehearsed with Kubernetes v1.2.3; here it is {kubernetes_installed()}."
    )


def test_a_red_card_says_what_was_found(lab: Lab) -> None:
    run = {"kind": "mutant", "name": "one/wrong", "surprises": ["one: must be failed, is passed"]}
    store_card(card_about(lab, true=False, runs=[run]))

    status = card_of(lab)

    assert status.state is CardState.RED
    assert status.sentence == (
        "The rehearsal of 2026-03-04 found: mutant one/wrong: one: must be failed, is passed"
    )


def test_a_fresh_installation_knows_the_card_that_came_with_the_lab(lab: Lab) -> None:
    path = publish_card(card_about(lab), lab)

    assert path == lab.folder / "report-card.json"
    assert card_of(lab).state is CardState.GREEN


def test_the_card_of_the_lab_as_it_is_now_wins_and_of_those_the_newest(lab: Lab) -> None:
    published = card_about(lab)
    publish_card(published, lab)
    store_card(card_about(lab, digest="sha256:0", true=False, finished_at="2026-09-09T00:00:00Z"))
    assert card_of(lab).card == published

    store_card(card_about(lab, true=False, finished_at="2026-09-09T00:00:00Z"))
    assert card_of(lab).state is CardState.RED


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": "another/v9"}', "\udcff"])
def test_a_file_that_is_no_card_is_none(lab: Lab, text: str) -> None:
    (lab.folder / "report-card.json").write_bytes(text.encode(errors="surrogateescape"))

    assert card_of(lab).state is CardState.MISSING


def test_a_card_of_another_lab_says_nothing(lab: Lab) -> None:
    publish_card({**card_about(lab), "lab": "monkey"}, lab)

    assert card_of(lab).state is CardState.MISSING


def test_every_run_has_a_line_of_its_own(lab: Lab) -> None:
    runs = [{"kind": "solution", "name": str(number)} for number in range(3)]

    text = card_text(card_about(lab, runs=runs))

    assert json.loads(text)["runs"] == runs
    assert [line.strip(" ,") for line in text.splitlines() if '"solution"' in line] == [
        json.dumps(run) for run in runs
    ]


def test_nothing_but_cards_is_left_in_the_store(lab: Lab, home: Path) -> None:
    first = store_card(card_about(lab))
    second = store_card(card_about(lab, true=False))

    files = {path.name for path in (home / "report-cards").iterdir()}
    assert files == {"ape.json", first.name, second.name}
