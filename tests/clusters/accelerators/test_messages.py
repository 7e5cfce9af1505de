"""The generated messages are those of the .proto files; the limits on what quantities mean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import clusters.accelerators.plugin.api as api
from clusters.accelerators.plugin.publishing import is_as_wanted

FOLDER = Path(api.__file__).parent
ROOT = FOLDER.parents[3]


def test_the_messages_are_made_of_the_files_beside_them(tmp_path: Path) -> None:
    protos = [str(path.relative_to(ROOT)) for path in sorted(FOLDER.glob("*.proto"))]

    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--python_out={tmp_path}", *protos],
        cwd=ROOT,
        check=True,
    )

    assert len(protos) == 3
    for made in tmp_path.rglob("*_pb2.py"):
        kept = (FOLDER / made.name).read_text(encoding="utf-8")
        # The version of the generator stands in it; a newer one need not say anything else.
        assert descriptor(made.read_text(encoding="utf-8")) == descriptor(kept), "make protos"


def descriptor(source: str) -> str:
    (line,) = [line for line in source.splitlines() if line.startswith("DESCRIPTOR = ")]
    return line


def slice_of(memory: str, generation: int, **device: object) -> dict[str, object]:
    spec = {
        "pool": {"name": "one", "generation": generation, "resourceSliceCount": 1},
        "devices": [{"name": "gpu-0", "capacity": {"memory": {"value": memory}}, **device}],
    }
    return {"metadata": {"name": "one-driver"}, "spec": spec}


def test_what_the_api_server_writes_in_its_own_way_is_still_as_wanted() -> None:
    taint = {"key": "old", "value": "", "effect": "NoSchedule"}
    stored = {"key": "old", "effect": "NoSchedule", "timeAdded": "2026-01-01T00:00:00Z"}

    found = slice_of("1Gi", 7, taints=[stored])

    assert is_as_wanted([found], [slice_of("1024Mi", 1, taints=[taint])])
    assert not is_as_wanted([found], [slice_of("1Gi", 1)])
    assert not is_as_wanted([found], [slice_of("2Gi", 1, taints=[taint])])
