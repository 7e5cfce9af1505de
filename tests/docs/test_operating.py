"""docs/operating.md names every setting, trait, flag and file that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graders.proctor.metrics import Metrics
from hub.cli import account, down, status, up
from hub.lab_clusters import ClusterFate
from hub.spawner import LabSpawner

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
SOURCES = [
    path
    for folder in ("cluster-setup", "graders", "hub", "web")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
VARIABLE = re.compile(r"""["'](ASSAY_[A-Z_]*[A-Z])["']""")


def variables() -> list[str]:
    return sorted({name for path in SOURCES for name in VARIABLE.findall(path.read_text())})


@pytest.mark.parametrize("name", variables())
def test_every_environment_variable_is_explained(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_no_variable_is_explained_that_nobody_reads() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    explained = set(re.findall(r"`(ASSAY_[A-Z_]*[A-Z])`", PAGE))

    assert {name for name in explained if name not in source} == set()


@pytest.mark.parametrize("name", sorted(LabSpawner.class_own_traits(config=True)))
def test_every_trait_of_the_spawner_is_explained(name: str) -> None:
    assert f"`LabSpawner.{name}`" in PAGE
    assert LabSpawner.class_own_traits()[name].help


def test_every_flag_is_shown() -> None:
    commands = [up, down, status, *account.commands.values()]
    flags = {
        flag for command in commands for p in command.params for flag in p.opts if "--" in flag
    }

    assert {flag for flag in flags if flag not in PAGE} == set()
    assert all(f"`{fate}`" in PAGE for fate in ClusterFate)


def test_every_metric_is_named() -> None:
    metrics = {
        family.name.removeprefix("assay_") + ("_total" if family.type == "counter" else "")
        for family in Metrics().registry.collect()
    }

    assert len(metrics) > 5
    assert {name for name in metrics if f"`{name}`" not in PAGE} == set()
