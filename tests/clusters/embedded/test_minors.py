"""A cluster stays at its minor of Kubernetes, whatever new ones get meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from clusters.errors import ClusterError
from clusters.inventory import default_inventory
from clusters.providers.embedded import EmbeddedProvider
from clusters.providers.embedded import provider as provider_module
from clusters.providers.embedded.folder import ClusterFolder, Record
from clusters.spec import ClusterSpec

RECORD = Record("demo", "", "v1.37.2", 20001, "2026-01-01T00:00:00Z", default_inventory())


@pytest.mark.parametrize(
    ("made", "finished", "asked"),
    [("v1.36.9", True, "1.36"), ("v1.37.1", True, "1.37"), ("v1.36.9", False, "")],
)
def test_what_is_finished_is_repaired_with_what_it_was_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str, finished: bool, asked: str
) -> None:
    brought: list[str] = []

    def ensure(names: object, on_phase: object = None, *, kubernetes: str = "") -> None:
        brought.append(kubernetes)
        raise ClusterError("that is all there is to see")

    monkeypatch.setattr(provider_module, "ensure_binaries", ensure)
    folder = ClusterFolder(tmp_path / "demo")
    with folder.locked():
        folder.write_record(replace(RECORD, kubernetes=made))
        if finished:
            folder.mark_ready("its-uid")

    with pytest.raises(ClusterError, match="all there is"):
        EmbeddedProvider(tmp_path).create(ClusterSpec("demo"))

    assert brought == [asked]
