"""A cluster as it is found: the same for every provider."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from clusters.errors import InputInvalid, NotFound
from clusters.provider import ClusterState
from clusters.spec import ClusterSpec

pytestmark = pytest.mark.cluster

ASSAY = Path(sys.executable).with_name("assay")


# --- found again


def test_it_is_ready_when_create_returns(made: Any) -> None:
    assert made.cluster.state is ClusterState.READY
    assert made.cluster.owner == "attempt:contract"


def test_progress_was_told_in_phases_that_end(made: Any) -> None:
    began = [phase.name for phase in made.phases if phase.seconds is None]
    ended = [phase.name for phase in made.phases if phase.seconds is not None]
    percents = [phase.percent for phase in made.phases]

    assert began
    assert began == ended
    assert percents == sorted(percents)
    assert percents[-1] == 100


def test_status_says_what_create_said(subject: Any, made: Any) -> None:
    found = subject.provider.status(made.cluster.name)

    for key in ("name", "provider", "state", "kubernetes", "capabilities", "kubeconfig"):
        assert found.to_json()[key] == made.cluster.to_json()[key], key
    assert (found.uid, found.owner) == (made.cluster.uid, made.cluster.owner)


def test_it_is_listed_once(subject: Any, made: Any) -> None:
    names = [cluster.name for cluster in subject.provider.list()]

    assert names.count(made.cluster.name) == 1


def test_another_process_finds_the_same(subject: Any, made: Any) -> None:
    command = [ASSAY, "cluster", "list", "--provider", subject.provider.name, "--json"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    found = next(one for one in json.loads(said) if one["name"] == made.cluster.name)
    assert found["uid"] == made.cluster.uid
    assert found["state"] == "ready"


def test_a_second_create_changes_nothing(subject: Any, made: Any) -> None:
    again = subject.provider.create(subject.spec(made.cluster.name, owner="attempt:contract"))

    assert again.uid == made.cluster.uid
    assert [c.pid for c in again.components] == [c.pid for c in made.cluster.components]


@pytest.mark.parametrize("what", ["owner", "inventory"])
def test_another_spec_under_its_name_is_refused_and_it_stays(
    subject: Any, made: Any, what: str
) -> None:
    asked = subject.spec(made.cluster.name, owner="attempt:contract")
    if what == "owner":
        asked = subject.spec(made.cluster.name, owner="attempt:other")
    else:
        asked = ClusterSpec(made.cluster.name, owner="attempt:contract")

    with pytest.raises(InputInvalid, match=f"{made.cluster.name} exists with another {what}"):
        subject.provider.create(asked)
    assert subject.provider.status(made.cluster.name).uid == made.cluster.uid


# --- told truthfully


def test_its_uid_is_that_of_the_namespace_kube_system(made: Any, learner: httpx.Client) -> None:
    namespace = learner.get("/api/v1/namespaces/kube-system").json()

    assert made.cluster.uid == namespace["metadata"]["uid"]


def test_its_version_is_what_the_api_server_says(made: Any, learner: httpx.Client) -> None:
    assert learner.get("/version").json()["gitVersion"] == made.cluster.kubernetes


def test_its_time_of_creation_is_of_today(made: Any) -> None:
    created = datetime.fromisoformat(made.cluster.created_at)

    assert created.tzinfo is not None
    assert abs((datetime.now(created.tzinfo) - created).total_seconds()) < 3600


def test_every_component_is_alive_and_has_memory(made: Any) -> None:
    names = [component.name for component in made.cluster.components]

    assert len(set(names)) == len(names) > 0
    assert all(component.pid and component.memory > 2**20 for component in made.cluster.components)


def test_its_public_description_names_no_credential_but_the_learners(made: Any) -> None:
    text = json.dumps(made.cluster.to_json())

    assert str(made.cluster.kubeconfig) in text
    assert str(made.cluster.grader_kubeconfig) not in text
    assert str(made.cluster.platform_kubeconfig) not in text


@pytest.mark.parametrize("which", ["kubeconfig", "grader_kubeconfig", "platform_kubeconfig"])
def test_nobody_else_can_read_a_credential(made: Any, which: str) -> None:
    path: Path = getattr(made.cluster, which)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert any(stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0 for folder in path.parents)


# --- logs


def test_logs_are_collected_and_hold_no_key(subject: Any, made: Any, tmp_path: Path) -> None:
    files = subject.provider.collect_logs(made.cluster.name, tmp_path / "logs")

    assert files
    assert all(path.is_relative_to(tmp_path) and path.is_file() for path in files)
    assert any(path.stat().st_size for path in files)
    assert not any("PRIVATE KEY" in path.read_text(errors="replace") for path in files)


def test_logs_and_status_of_a_missing_cluster_say_its_name(subject: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="never-was"):
        subject.provider.collect_logs("never-was", tmp_path)
    with pytest.raises(NotFound, match="never-was"):
        subject.provider.status("never-was")


# --- what it was asked to be


def test_the_nodes_of_the_inventory_are_ready(learner: httpx.Client, subject: Any) -> None:
    nodes = learner.get("/api/v1/nodes").json()["items"]
    ready = [
        any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"])
        for node in nodes
    ]

    assert len(nodes) >= len(subject.inventory.nodes)
    assert all(ready)


def test_the_devices_of_the_inventory_are_published(
    learner: httpx.Client, subject: Any, wait_until: Callable[..., None]
) -> None:
    def published() -> list[str]:
        slices = learner.get("/apis/resource.k8s.io/v1/resourceslices").json()["items"]
        return [
            device["name"]
            for one in slices
            if one["spec"]["driver"] == subject.inventory.driver
            for device in one["spec"]["devices"]
        ]

    wait_until(lambda: len(published()) == 4)
    assert learner.get(
        f"/apis/resource.k8s.io/v1/deviceclasses/{subject.inventory.device_class}"
    ).is_success


# --- names


@pytest.mark.parametrize("name", ["", "Capital", "a_b", "-a", "a-", "a.b", "../up", "a" * 51])
def test_a_name_that_some_provider_could_not_use_is_refused_by_all(subject: Any, name: str) -> None:
    with pytest.raises(InputInvalid, match="cluster name"):
        subject.provider.create(subject.spec(name))
    assert not [path for path in subject.home.rglob("*") if re.search("Capital|a_b", path.name)]


def test_a_version_that_nobody_has_is_refused_before_anything_is_made(
    subject: Any, name: str
) -> None:
    with pytest.raises((InputInvalid, NotFound), match=r"v1\.2\.3"):
        subject.provider.create(ClusterSpec(name, subject.inventory, kubernetes="v1.2.3"))

    assert subject.traces(name) == []
