"""Labs of declarative checks, written on the spot."""

from __future__ import annotations

import secrets
import textwrap
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from graders.lab import Lab, load_lab

WriteDeclared = Callable[..., Lab]


@pytest.fixture
def write_declared(tmp_path: Path) -> WriteDeclared:
    """Write a lab with the given files of checks; its tasks are the keywords."""

    def write(
        text: str, *tasks: str, parameters: dict[str, Any] | None = None, **files: str
    ) -> Lab:
        folder = tmp_path / f"lab-{secrets.token_hex(3)}"
        (folder / "checks").mkdir(parents=True)
        for name, content in {"checks.yaml": text, **files}.items():
            (folder / "checks" / name).write_text(textwrap.dedent(content))
        document = {
            "apiVersion": "assay.dev/v1",
            "kind": "Lab",
            "id": str(uuid.uuid4()),
            "slug": folder.name,
            "version": "1.0.0",
            "title": "A lab",
            "summary": "A lab that a test wrote.",
            "minutes": 5,
            "parameters": parameters or {},
            "tasks": [
                {"id": task, "title": task, "points": 1, "domain": "A", "seconds": 20}
                for task in tasks or ("one",)
            ],
        }
        (folder / "lab.yaml").write_text(yaml.safe_dump(document))
        return load_lab(folder)

    return write
