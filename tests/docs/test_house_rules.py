"""Rules of the house that a machine can see."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINE_LIMIT = 400
# Spelled apart, so that this file does not hold them.
REGISTRIES = [
    "pypi." + "org",
    "pythonhosted." + "org",
    "proxy.golang." + "org",
    "sum.golang." + "org",
    "registry.npmjs." + "org",
    "deb.debian." + "org",
]


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def test_no_python_file_is_too_long_to_read() -> None:
    lengths = {
        path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines())
        for path in tracked("*.py")
    }

    assert {path: n for path, n in lengths.items() if n > LINE_LIMIT} == {}


def test_no_file_names_a_package_registry_or_a_folder_of_one_machine() -> None:
    forbidden = re.compile(
        "|".join(map(re.escape, REGISTRIES)) + r"|(^|[^\w.])/(work|farm)/", re.MULTILINE
    )
    offenders = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix not in {".png", ".svg", ".ico"}
        and forbidden.search(path.read_text(encoding="utf-8", errors="ignore"))
    ]

    assert offenders == []


def test_no_module_is_named_after_nothing() -> None:
    nameless = {"utils.py", "helpers.py", "common.py", "manager.py", "base.py", "misc.py"}

    assert [path for path in tracked("*.py") if path.name in nameless] == []


def test_nothing_large_is_in_the_repository() -> None:
    assert [path for path in tracked() if path.stat().st_size > 1_000_000] == []
