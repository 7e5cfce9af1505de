"""What volumes hold, and what reaches the disk."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from clusters.podrunner.environment import Missing
from clusters.podrunner.state import PodFolder, PodRecord
from clusters.podrunner.volumes import (
    LARGEST_VOLUME,
    Sources,
    data_of,
    empty_dirs,
    mounts_of,
    write_volumes,
)

HELD: dict[tuple[str, str], dict[str, bytes]] = {
    ("ConfigMap", "settings"): {"a": b"1", "b": b"2"},
    ("Secret", "keys"): {"token": b"t"},
}


@pytest.fixture
def folder(tmp_path: Path) -> PodFolder:
    folder = PodFolder(tmp_path / "uid")
    folder.make(PodRecord("default", "web", "node", "10.244.0.2", 1.0))
    return folder


def sources(*volumes: dict[str, Any]) -> Sources:
    pod = {
        "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
        "spec": {"volumes": list(volumes), "containers": []},
        "status": {},
    }
    return Sources(pod, lambda kind, name: HELD.get((kind, name)), lambda reference: "a-token")


def files(folder: PodFolder, name: str) -> dict[str, str]:
    place = folder.volume(name)
    return {str(p.relative_to(place)): p.read_text() for p in place.rglob("*") if p.is_file()}


def test_every_kind_of_volume_is_written(folder: PodFolder) -> None:
    projections = [
        {"serviceAccountToken": {"path": "token"}},
        {"configMap": {"name": "settings", "items": [{"key": "a", "path": "deep/a"}]}},
        {"downwardAPI": {"items": [{"path": "app", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ]
    write_volumes(
        folder,
        sources(
            {"name": "c", "configMap": {"name": "settings"}},
            {"name": "s", "secret": {"secretName": "keys", "defaultMode": 0o400}},
            {"name": "p", "projected": {"sources": projections}},
            {"name": "e", "emptyDir": {}},
        ),
        None,
    )

    assert files(folder, "c") == {"a": "1", "b": "2"}
    assert files(folder, "p") == {"token": "a-token", "deep/a": "1", "app": "web"}
    assert (folder.volume("s") / "token").stat().st_mode & 0o777 == 0o400
    assert not folder.volume("e").exists()


def test_a_change_is_written_and_what_is_gone_goes(
    folder: PodFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = sources({"name": "c", "configMap": {"name": "settings"}})
    write_volumes(folder, wanted, None)
    monkeypatch.setitem(HELD, ("ConfigMap", "settings"), {"a": b"3"})
    write_volumes(folder, wanted, None)

    assert files(folder, "c") == {"a": "3"}


def test_what_is_missing_is_named_unless_it_is_optional(folder: PodFolder) -> None:
    with pytest.raises(Missing, match='configmap "gone" not found'):
        write_volumes(folder, sources({"name": "c", "configMap": {"name": "gone"}}), None)
    write_volumes(
        folder, sources({"name": "c", "configMap": {"name": "gone", "optional": True}}), None
    )

    assert files(folder, "c") == {}


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../outside"])
def test_no_file_is_written_outside_of_its_volume(folder: PodFolder, path: str) -> None:
    """The API server refuses such paths; the runner does not rely on it."""
    item = {"key": "a", "path": path}
    with pytest.raises(Missing, match="leads out"):
        write_volumes(
            folder, sources({"name": "c", "configMap": {"name": "settings", "items": [item]}}), None
        )

    assert not (folder.path / "outside").exists()


def test_an_empty_dir_has_a_size_and_only_it_can_be_written(folder: PodFolder) -> None:
    volumes = [
        {"name": "e", "emptyDir": {"sizeLimit": "1Ti"}},
        {"name": "c", "configMap": {"name": "settings"}},
    ]
    pod = sources(*volumes).pod
    mounted = [{"name": "e", "mountPath": "/e/"}, {"name": "c", "mountPath": "/x/../c"}]

    (order,) = empty_dirs(pod, folder)
    mounts = mounts_of(pod, {"volumeMounts": mounted}, folder, {}, None)

    assert order["size"] == LARGEST_VOLUME
    assert [(m["target"], m["read_only"]) for m in mounts] == [("/e", False), ("/c", True)]


def test_secrets_are_decoded_and_config_maps_may_hold_bytes() -> None:
    encoded = base64.b64encode(b"\xff").decode()

    assert data_of({"kind": "Secret", "data": {"k": encoded}}) == {"k": b"\xff"}
    assert data_of({"kind": "ConfigMap", "data": {"a": "1"}, "binaryData": {"b": encoded}}) == {
        "a": b"1",
        "b": b"\xff",
    }
