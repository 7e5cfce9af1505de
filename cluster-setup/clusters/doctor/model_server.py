"""Whether the real model server is installed, which some labs need."""

from __future__ import annotations

from clusters.doctor.finding import Finding, State
from clusters.vllm import installed

NAME = "vLLM"


def probe_vllm() -> Finding:
    """Look for vLLM in the cache."""
    place = installed()
    if told := place.describe():
        return Finding(NAME, State.OK, f"{told['version']}, {told['torch']}")
    fix = "Run `assay setup vllm`; labs with real model servers need it, and all others do not."
    return Finding(NAME, State.WARN, "not installed", fix)
