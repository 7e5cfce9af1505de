"""Why a lab cannot be started: what the installation does not offer, or what is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from clusters.capability import Capability
from graders.authoring import new_lab
from graders.lab import Lab, load_lab
from web.shelf import Shelf


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab that needs the real vLLM, on a host that does not have it."""
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    path = new_lab("parrots", "Parrots", tmp_path) / "lab.yaml"
    keys = {"capabilities": ["scheduling", "networking", "inference"], "addons": ["vllm"]}
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **keys}))
    return load_lab(path.parent)


def test_what_has_to_be_installed_first_is_said(lab: Lab) -> None:
    said = Shelf(frozenset(Capability)).why_not(lab)

    assert said.startswith("vLLM is not installed here")
    assert said.endswith("`assay setup vllm` installs it.")


def test_what_is_not_offered_comes_first(lab: Lab) -> None:
    said = Shelf({Capability.SCHEDULING}).why_not(lab)

    assert "Pod addresses and Services that carry traffic" in said
    assert "vLLM" not in said
