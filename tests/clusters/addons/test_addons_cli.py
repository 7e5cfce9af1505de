"""`assay cluster addons` and `assay cluster create --addon`, at a terminal and for scripts."""

from __future__ import annotations

import json
import subprocess

from clusters.addons import catalogue


def assay(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["assay", "cluster", *words], capture_output=True, text=True, check=False, timeout=120
    )


def test_the_catalogue_is_shown_to_people_and_scripts() -> None:
    text, listed = assay("addons"), assay("addons", "--json")

    assert text.returncode == listed.returncode == 0
    assert all(name in text.stdout for name in catalogue())
    found = {addon["name"]: addon for addon in json.loads(listed.stdout)}
    assert list(found) == list(catalogue())
    assert found["endpoint-picker"]["needs"] == ["inference-extension"]
    assert found["kueue"]["binaries"] == ["kueue"]
    assert found["kueue"]["version"] == "v0.19.2"


def test_help_teaches_with_an_example() -> None:
    assert "assay cluster create --name demo --addon kueue" in assay("addons", "--help").stdout


def test_an_unknown_addon_is_a_wrong_input_and_nothing_is_made() -> None:
    done = assay("create", "--name", "never", "--addon", "kewe", "--addon", "kueue")

    assert done.returncode == 2
    assert "there is no add-on 'kewe'; the catalogue has:" in done.stderr
    assert "Traceback" not in done.stderr
    listed = json.loads(assay("list", "--json").stdout)
    assert "never" not in {cluster["name"] for cluster in listed}
