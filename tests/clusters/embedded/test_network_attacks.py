"""What a learner who is cluster-admin cannot do in a cluster whose Pods are processes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from clusters.provider import Cluster
from clusters.providers.embedded import EmbeddedProvider, processes
from clusters.spec import ClusterSpec
from tests.clusters.embedded.attacks import cluster_port, host_addresses, make
from tests.clusters.embedded.pods import CORE, LACKING, PODS, WHY_NOT, log_of, look, networked_spec

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(LACKING), reason=WHY_NOT)]
NAME = "besieged"
SPEC = networked_spec(NAME, "only")
WaitUntil = Callable[..., None]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedProvider:
    return EmbeddedProvider(tmp_path_factory.mktemp("clusters"))


@pytest.fixture(scope="module")
def cluster(provider: EmbeddedProvider) -> Iterator[Cluster]:
    yield provider.create(SPEC)
    provider.delete(NAME)


def over(client: httpx.Client, name: str) -> bool:
    return look(client, name)["status"].get("phase") in ("Succeeded", "Failed")


@pytest.fixture
def run(learner: httpx.Client, wait_until: WaitUntil) -> Callable[[str, str], str]:
    def run(name: str, command: str) -> str:
        make(learner, name, "sh", "-c", command)
        wait_until(lambda: over(learner, name), 120)
        return log_of(learner, name)

    return run


# --- what the host shows


def test_nothing_listens_on_the_host_but_the_door_on_loopback(
    cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    make(learner, "listens", "static-server", "80", "/tmp")
    wait_until(lambda: learner.get(f"{PODS}/listens:80/proxy/").is_success)
    running = processes.find_cluster(cluster.kubeconfig.parent)

    listening = {
        (name, connection.laddr.ip)
        for name, group in running.items()
        for process in group
        for connection in process.net_connections("inet")
        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    }
    networks = {
        Path(f"/proc/{process.pid}/ns/net").readlink()
        for process in chain.from_iterable(running.values())
    }

    assert listening == {("door", "127.0.0.1")}
    assert Path("/proc/self/ns/net").readlink() not in networks
    learner.delete(f"{PODS}/listens")


def test_files_are_for_their_owner_alone(cluster: Cluster, learner: httpx.Client) -> None:
    folder = cluster.kubeconfig.parent
    exposed = [
        str(path)
        for path in folder.rglob("*")
        if path.is_file()
        and path.stat().st_mode & 0o077
        and path.parent.name != "member"
        and folder / "pods" not in path.parents
    ]

    assert exposed == []
    for path in (folder, folder / "pods"):
        assert path.stat().st_mode & 0o777 == 0o700
    for path in folder.glob("*.kubeconfig"):
        assert path.stat().st_mode & 0o777 == 0o600


# --- the runner


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "hostPath"),
        ({"hostNetwork": True}, "hostNetwork"),
        ({"hostPID": True}, "hostPID"),
        ({"container": {"securityContext": {"privileged": True}}}, "privileged"),
        (
            {"container": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}},
            "capabilities",
        ),
        (
            {
                "volumes": [{"name": "v", "emptyDir": {}}],
                "container": {
                    "env": [{"name": "UP", "value": "../../../.."}],
                    "volumeMounts": [{"name": "v", "mountPath": "/v", "subPathExpr": "$(UP)/etc"}],
                },
            },
            "climb",
        ),
    ],
)
def test_pods_that_would_leave_their_sandbox_never_start(
    learner: httpx.Client, wait_until: WaitUntil, asked: dict[str, Any], named: str
) -> None:
    make(learner, "climbs", "sleep", "12345", **asked)

    wait_until(lambda: named in json.dumps(look(learner, "climbs")["status"]))

    commands = [p.info["cmdline"] for p in psutil.process_iter(["cmdline"])]
    assert ["sleep", "12345"] not in commands
    learner.delete(f"{PODS}/climbs", params={"gracePeriodSeconds": "0"})
    wait_until(lambda: learner.get(f"{PODS}/climbs").status_code == 404)


def test_a_pod_sees_no_file_of_the_platform_and_no_other_process(
    cluster: Cluster, run: Callable[[str, str], str]
) -> None:
    folder = cluster.kubeconfig.parent
    said = run(
        "looks-around",
        f"ls {folder} {os.environ['ASSAY_HOME']} {Path.home()}/.cache 2>/dev/null; "
        "find / -xdev -name '*.kubeconfig' 2>/dev/null; find / -xdev -name '*.sock' 2>/dev/null; "
        "ls -d /proc/[0-9]* | wc -l; kill -9 -1; echo end",
    )

    assert said.splitlines()[0].strip().isdigit()
    assert int(said.splitlines()[0]) <= 6


def test_variables_that_steer_programs_steer_only_the_container(
    learner: httpx.Client, cluster: Cluster, wait_until: WaitUntil
) -> None:
    planted = {
        "LD_PRELOAD": "/data/evil.so",
        "PYTHONPATH": "/data",
        "PYTHONSTARTUP": "/data/x.py",
        "PATH": "/data:/usr/bin:/bin",
        "ASSAY_CLUSTER": str(cluster.kubeconfig.parent),
        "ASSAY_COMPONENT": "kube-apiserver",
    }
    env = [{"name": name, "value": value} for name, value in planted.items()]
    make(learner, "steers", "sleep", "60", container={"env": env})
    wait_until(lambda: look(learner, "steers")["status"].get("phase") == "Running")

    running = processes.find_cluster(cluster.kubeconfig.parent)

    assert len(running["kube-apiserver"]) == 1
    for process in running["podrunner"]:
        assert not planted.keys() & (process.environ().keys() - {"PATH", *marks()})
    learner.delete(f"{PODS}/steers")


def marks() -> set[str]:
    return {processes.CLUSTER_MARK, processes.COMPONENT_MARK}


# --- from inside a Pod


def test_a_pod_gets_in_nowhere_without_a_credential(
    cluster: Cluster, run: Callable[[str, str], str]
) -> None:
    port = cluster_port(cluster)
    said = run(
        "knocks",
        f"curl -sk -m 5 -w '%{{http_code}}\\n' -o /dev/null https://192.0.2.254:{port}/version; "
        "curl -sk -m 5 https://192.0.2.1:10250/pods; echo kubelet $?; "
        "for p in 2379 2380 10249 10256 10259 10257; do "
        "curl -s -m 2 http://192.0.2.254:$p/; echo $p $?; done",
    )

    lines = said.splitlines()
    assert lines[0] == "401"
    assert lines[1].startswith("kubelet")
    assert lines[1] != "kubelet 0"
    assert [line.split()[1] for line in lines[2:]] == ["7"] * 6  # nobody listens there


def test_the_kubelets_server_answers_the_api_server_alone(
    cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    """A learner has a certificate of the same authority, and Pods to show it from."""
    import base64

    import yaml

    user = yaml.safe_load(cluster.kubeconfig.read_text())["users"][0]["user"]
    pair = b"\n".join(
        base64.b64decode(user[key]) for key in ("client-certificate-data", "client-key-data")
    )
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pair"}}
    data = {"data": {"pair.pem": base64.b64encode(pair).decode()}}
    learner.post(f"{CORE}/secrets", json={**secret, **data}).raise_for_status()
    make(
        learner,
        "shows-a-certificate",
        "sh",
        "-c",
        "curl -sk -m 10 --cert /pair/pair.pem https://192.0.2.1:10250/containerLogs/default/x/main",
        volumes=[{"name": "pair", "secret": {"secretName": "pair"}}],
        container={"volumeMounts": [{"name": "pair", "mountPath": "/pair"}]},
    )
    wait_until(lambda: over(learner, "shows-a-certificate"))

    assert log_of(learner, "shows-a-certificate") == "only the API server may ask\n"


def test_a_pod_does_not_reach_another_cluster(
    tmp_path: Path, run: Callable[[str, str], str]
) -> None:
    provider = EmbeddedProvider(tmp_path)
    other = provider.create(ClusterSpec("neighbour", SPEC.inventory))
    try:
        said = run(
            "visits",
            f"for a in {' '.join(host_addresses())} 192.0.2.254; do "
            f"curl -sk -m 2 https://$a:{cluster_port(other)}/version; echo $?; done",
        )
    finally:
        provider.delete("neighbour")

    assert "0" not in said.split()


# --- secrets


def test_no_secret_stands_in_a_command_line_or_a_log(
    cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    word = "open-sesame-4711"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "word"}}
    learner.post(f"{CORE}/secrets", json={**secret, "stringData": {"word": word}})
    source = {"valueFrom": {"secretKeyRef": {"name": "word", "key": "word"}}}
    make(
        learner,
        "knows",
        "sh",
        "-c",
        'test "$WORD" = "$(cat /word/word)" && cat /run/secrets/*/*/token && echo && sleep 60',
        volumes=[{"name": "word", "secret": {"secretName": "word"}}],
        container={
            "env": [{"name": "WORD", **source}],
            "volumeMounts": [{"name": "word", "mountPath": "/word"}],
        },
    )
    wait_until(lambda: log_of(learner, "knows").count(".") == 2)
    token = log_of(learner, "knows").strip()

    folder = cluster.kubeconfig.parent
    running = chain.from_iterable(processes.find_cluster(folder).values())
    shown = " ".join(" ".join(process.cmdline()) for process in running)
    logs = "".join(path.read_text(errors="replace") for path in folder.glob("logs/*.log"))
    audit = cluster.audit_log.read_text(encoding="utf-8")
    for hidden in (word, token):
        assert hidden not in shown
        assert hidden not in logs
        assert hidden not in audit
    learner.delete(f"{PODS}/knows")
