"""`assay cluster`, as it is typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from clusters.cli.main import main
from clusters.inventory import default_inventory
from clusters.provider import Cluster
from clusters.providers.embedded.folder import ClusterFolder, Record

ASSAY = Path(sys.executable).with_name("assay")


class Said(NamedTuple):
    code: int
    out: str
    err: str


Assay = Callable[..., Said]


@pytest.fixture
def assay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Assay:
    def run(*words: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["assay", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert isinstance(code, int)
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("command", ["create", "list", "delete", "logs"])
def test_help_teaches(assay: Assay, command: str) -> None:
    said = assay("cluster", command, "--help")

    assert said.code == 0
    assert "--json" in said.out


def test_no_clusters_is_an_answer(assay: Assay, empty_home: Path) -> None:
    assert "assay cluster create" in assay("cluster", "list").out
    assert json.loads(assay("cluster", "list", "--json").out) == []


def test_a_bad_inventory_is_refused_with_every_problem(assay: Assay, empty_home: Path) -> None:
    inventory = empty_home / "bad.yaml"
    inventory.write_text("nodes: [{name: UP, colour: red}]")

    said = assay("cluster", "create", "--inventory", inventory, "--json")

    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines() == [
        f"assay: {inventory}: nodes[0].name: 'UP' is not a DNS label: "
        "lower-case letters, digits and '-', at most 63",
        f"assay: {inventory}: nodes[0].colour: unknown key",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create", "--name", "Not_A_Name"], "cluster name 'Not_A_Name'"),
        (["delete", "../etc"], "cluster name '../etc'"),
        (["logs", "absent"], "there is no cluster 'absent'"),
        (["list", "--provider", "moon"], "there is no cluster provider 'moon'"),
        (["delete"], "name the clusters to delete, or give --all"),
        (["delete", "a", "--all"], "name the clusters to delete, or give --all"),
        (["logs", "a", "--follow", "--json"], "--follow prints"),
    ],
)
def test_a_wrong_command_is_one_sentence_and_exit_code_2(
    assay: Assay, empty_home: Path, words: list[str], said: str
) -> None:
    found = assay("cluster", *words)

    assert (found.code, found.out) == (2, "")
    assert said in found.err
    assert "Traceback" not in found.err


def test_a_missing_cluster_is_deleted_without_complaint(assay: Assay, empty_home: Path) -> None:
    said = assay("cluster", "delete", "gone", "--json")

    assert (said.code, json.loads(said.out)) == (0, {"deleted": ["gone"]})


def test_all_takes_half_made_clusters_too(assay: Assay, empty_home: Path) -> None:
    for name in ("one", "two"):
        (empty_home / "clusters" / name).mkdir(parents=True)

    listed = json.loads(assay("cluster", "list", "--json").out)
    said = assay("cluster", "delete", "--all", "--json")

    assert [(one["name"], one["state"]) for one in listed] == [
        ("one", "incomplete"),
        ("two", "incomplete"),
    ]
    assert json.loads(said.out) == {"deleted": ["one", "two"]}
    assert list((empty_home / "clusters").iterdir()) == []


def test_a_dead_component_is_shown_with_its_last_words_and_what_to_do(
    assay: Assay, empty_home: Path
) -> None:
    folder = ClusterFolder(empty_home / "clusters" / "demo")
    record = Record("demo", "", "v1.37.2", 20001, "2026-01-01T00:00:00Z", default_inventory())
    with folder.locked():
        folder.write_record(record)
        folder.write_files({"logs/etcd.log": b"disk [on] fire\n"})
        folder.mark_ready("some-uid")

    said = assay("cluster", "list")

    assert "degraded" in said.out
    assert "demo: etcd does not run" in said.out
    assert "assay cluster create --name demo" in said.out
    assert "disk [on] fire" in said.out


@pytest.mark.cluster
def test_create_json_is_the_description_of_the_cluster(assay: Assay, cluster: Cluster) -> None:
    said = assay("cluster", "create", "--name", cluster.name, "--json")

    made = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert made["name"] == cluster.name
    assert made["kubeconfig"] == str(cluster.kubeconfig)
    assert {"provider", "kubernetes", "capabilities", "state", "uid"} <= set(made)


@pytest.mark.cluster
def test_list_is_a_table_for_people(assay: Assay, cluster: Cluster) -> None:
    said = assay("cluster", "list")

    assert cluster.name in said.out
    assert "ready" in said.out
    assert "MiB" in said.out


@pytest.mark.cluster
def test_logs_are_printed_with_their_component(assay: Assay, cluster: Cluster) -> None:
    every = assay("cluster", "logs", cluster.name)
    one = assay("cluster", "logs", cluster.name, "--component", "kube-apiserver")

    assert "kube-scheduler: " in every.out
    assert "Version: v1." in one.out
    assert "kube-apiserver: " not in one.out


@pytest.mark.cluster
def test_logs_of_no_component_name_those_that_exist(assay: Assay, cluster: Cluster) -> None:
    said = assay("cluster", "logs", cluster.name, "--component", "kubelet")

    assert (said.code, said.out) == (2, "")
    assert "etcd, kube-apiserver" in said.err


@pytest.mark.cluster
def test_logs_are_copied_into_a_folder(assay: Assay, cluster: Cluster, tmp_path: Path) -> None:
    said = assay("cluster", "logs", cluster.name, "--to", tmp_path / "logs", "--json")

    files = json.loads(said.out)["files"]
    assert [Path(file).name for file in files] == sorted(
        f"{component.name}.log" for component in cluster.components
    )
    assert all(Path(file).is_file() for file in files)


@pytest.mark.cluster
def test_logs_are_followed_until_interrupted(cluster: Cluster) -> None:
    log = cluster.kubeconfig.parent / "logs" / "kwok.log"
    words = ["cluster", "logs", cluster.name, "--component", "kwok", "--follow"]

    with subprocess.Popen(
        [ASSAY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        following.stdout.readline()
        with log.open("a") as file:
            file.write("added meanwhile\n")
        while following.stdout.readline() != "added meanwhile\n":
            pass
        following.send_signal(signal.SIGINT)
        _, err = following.communicate(timeout=30)

    assert following.returncode == 130
    assert "Traceback" not in err


@pytest.mark.cluster
def test_a_reader_that_leaves_early_ends_the_command_quietly(cluster: Cluster) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{ASSAY} cluster logs {cluster.name} | head -1"],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        timeout=60,
        check=False,
    )

    assert "Traceback" not in done.stderr
