"""The section `forgeries`: every known forgery, tried against every lab of the installation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.grading_rows import Bound, Row, Target

SECTION = "forgeries"
KNOWN_TARGET = Target(40, Bound.AT_LEAST)


def measure(quick: bool = False) -> list[Row]:
    """Take the figures; quickly means that only one of the forgeries is tried."""
    tried = [forged for run in _rehearse(quick) for forged in run.get("forgeries", {}).items()]
    names = {name for name, _ in tried}
    gained = [name for name, true in tried if not true]
    known = None if quick else KNOWN_TARGET
    return [
        Row(SECTION, "different forgeries tried", "", len(names), target=known),
        Row(
            SECTION,
            "forgeries that pass, or prevent grading without being named",
            "",
            len(gained) if tried else float("nan"),
            samples=len(tried),
            target=Target(0),
            note=", ".join(sorted(set(gained))),
        ),
    ]


def _rehearse(quick: bool) -> list[dict[str, Any]]:
    only = "patched-status" if quick else "forgery"
    command = [str(Path(sys.executable).with_name("assay")), "lab", "rehearse", "--all", "--json"]
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as home:
        done = subprocess.run(
            [*command, "--seeds", "1", "--repeat", "1", "--only", only],
            env={**os.environ, "ASSAY_HOME": home},
            stdout=subprocess.PIPE,
            check=False,
        )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"the rehearsal ended with exit code {done.returncode}")
    document = json.loads(done.stdout)
    cards = document if isinstance(document, list) else document.get("cards", [document])
    return [run for card in cards for run in card["runs"]]
