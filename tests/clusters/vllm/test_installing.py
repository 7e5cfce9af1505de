"""`assay setup vllm`: what it refuses, what a failure leaves, and what it has made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest

from clusters.addons.catalogue import require_addons, why_not_here
from clusters.capability import Capability
from clusters.doctor import State
from clusters.doctor.model_server import probe_vllm
from clusters.errors import CommandError, PreflightError
from clusters.phases import Phase
from clusters.podrunner import images
from clusters.podrunner.images import BUILT_IN, load_images
from clusters.vllm import HOW_TO_GET_IT, installed
from clusters.vllm.installation import LIST
from clusters.vllm.installing import current_plan, install, require_host

Usage = namedtuple("Usage", "total used free")
HERE = installed()
"""The installation of this machine, before tests get a cache of their own."""
needs_vllm = pytest.mark.skipif(not HERE.complete, reason=f"vLLM is not installed: {HOW_TO_GET_IT}")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    return tmp_path


def fake_installer(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "programs" / "uv"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def test_a_small_disk_is_refused_before_anything_is_brought(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**10, 9 * 10**9, 10**9))

    with pytest.raises(PreflightError, match=r"takes 5\.2 GB.* has 1\.0 GB free.*ASSAY_CACHE"):
        require_host(current_plan())


def test_a_failure_is_a_sentence_and_the_next_call_goes_on(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Phase] = []
    fake_installer(empty_cache, 'echo "$@" >>"$0.log"; echo no network >&2; exit 2', monkeypatch)

    for _ in range(2):
        with pytest.raises(CommandError, match=r"uv failed, and `assay setup vllm` goes on.*\nno"):
            install(current_plan(), seen.append)

    assert not installed().complete
    assert installed().python.exists()
    asked = (empty_cache / "programs" / "uv.log").read_text()
    assert asked.count("--require-hashes --compile-bytecode") == 2
    assert [phase.name for phase in seen] == ["environment", "environment", "packages"] * 2


def test_without_it_labs_and_doctor_say_what_to_run(empty_cache: Path) -> None:
    finding = probe_vllm()
    image = load_images(BUILT_IN).find("vllm/vllm-openai:v0.32.0")

    assert finding.state is State.WARN
    assert "assay setup vllm" in finding.fix
    assert image
    assert "`assay setup vllm` installs it" in images.why_not_here(image)
    assert "assay setup vllm" in why_not_here(["vllm"])
    with pytest.raises(PreflightError, match="assay setup vllm"):
        require_addons(["vllm"], "embedded", frozenset(Capability))


def test_other_addons_ask_for_nothing(empty_cache: Path) -> None:
    assert why_not_here(["llm-d-inference-sim", "envoy"]) == ""


@needs_vllm
def test_it_holds_every_package_of_the_list_and_a_model() -> None:
    ask = (
        "import importlib.metadata as m, json; "
        "print(json.dumps({d.name.lower().replace('_', '-'): d.version "
        "for d in m.distributions()}))"
    )
    done = subprocess.run([HERE.python, "-c", ask], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    with_cuda = "CUDA" in HERE.describe()["torch"]
    for line in LIST.read_text(encoding="utf-8").splitlines():
        name, _, version = line.removesuffix(" \\").partition("==")
        if version and (with_cuda or not name.startswith(("nvidia-", "cuda-", "torch"))):
            assert found[name.lower()] == version, name

    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(
        os.listdir(HERE.models / "tiny")
    )
    assert all(path.stat().st_mode & 0o004 for path in HERE.folder.glob("models/tiny/*"))
    assert probe_vllm().state is State.OK


@needs_vllm
def test_installing_again_finds_it() -> None:
    done = subprocess.run(
        ["assay", "setup", "vllm", "--json"],
        env={**os.environ, "ASSAY_CACHE": str(HERE.folder.parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )

    told = json.loads(done.stdout)
    assert told["was_there"]
    assert told["folder"] == str(HERE.folder)
    assert told["seconds"] < 30
    assert "Downloading" not in done.stderr
