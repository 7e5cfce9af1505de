"""The worker, when its runner is killed before it has said what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("order", [b"", b'{"purpose": "che'])
def test_a_worker_without_an_order_removes_its_folder_and_ends(
    order: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "worker"
    folder.mkdir()

    ended = subprocess.run(
        [sys.executable, "-I", "-B", "-m", "graders.worker"],
        cwd=folder,
        input=order,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert not folder.exists()
