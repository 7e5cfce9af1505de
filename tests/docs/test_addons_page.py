"""docs/addons.md names every add-on, and every key of addon.yaml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from clusters.addons import AddOn, catalogue
from clusters.addons.addon import Objects, Process
from clusters.providers.embedded.addons.files import ADDRESS, AddOnFiles
from clusters.providers.embedded.folder import ClusterFolder

PAGE = (Path(__file__).parents[2] / "docs" / "addons.md").read_text(encoding="utf-8")
NAMES_IN_TEXT = (
    "Text of the process and of files beside `addon.yaml` may hold these names; `$$` is a dollar:"
)
TABLES: dict[type[BaseModel], str] = {
    AddOn: "## addon.yaml, every key",
    Objects: "Each entry of `objects` and `workload`:",
    Process: "The process:",
}


def first_column(heading: str) -> list[str]:
    below = PAGE[PAGE.index(f"\n{heading}\n") :]
    table = re.search(r"((?:^\|.*\n)+)", below, re.MULTILINE)
    assert table
    return re.findall(r"^\| (`[^|]+`) \|", table[1], re.MULTILINE)


@pytest.mark.parametrize(("model", "heading"), TABLES.items(), ids=lambda value: str(value))
def test_every_key_stands_in_its_table_and_no_other(model: type[BaseModel], heading: str) -> None:
    fields = {n: f for n, f in model.model_fields.items() if not f.exclude}

    assert first_column(heading) == [f"`{field.alias or n}`" for n, field in fields.items()]
    for name, field in fields.items():
        needed = "yes" if field.is_required() else "no"
        assert f"| `{field.alias or name}` | {needed} |" in PAGE, f"{heading}: {name}"


def test_every_addon_is_in_the_catalogue_of_the_page() -> None:
    assert first_column("assay cluster logs demo --component kueue\n```") == [
        f"`{name}`" for name in catalogue()
    ]


def test_every_name_that_text_may_hold_is_explained(tmp_path: Path) -> None:
    values = AddOnFiles(ClusterFolder(tmp_path / "any"), 1).values(catalogue()["kueue"])
    told = re.findall(r"`\$(\w+)`", " ".join(first_column(NAMES_IN_TEXT)))

    assert set(told) == set(values)
    assert ADDRESS in PAGE
