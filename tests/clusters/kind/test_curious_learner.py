"""A cluster-admin who wants more: certificates of others, the audit log, other ways in."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clusters.provider import Cluster
from clusters.providers.kind import docker
from clusters.providers.kind.layout import kind_name

pytestmark = [pytest.mark.kind, pytest.mark.timeout(600)]

REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SPOOL = "/var/log/kubernetes/audit"


def request_certificate(
    learner: httpx.Client, name: str, signer: str, user: str, group: str = ""
) -> None:
    """Ask for a certificate, and approve it oneself, as a cluster-admin may."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
    if group:
        names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    asked = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    document: dict[str, Any] = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": base64.b64encode(asked).decode(),
            "signerName": signer,
            "usages": ["digital signature", "client auth"],
        },
    }
    learner.post(REQUESTS, json=document).raise_for_status()
    approval = {"type": "Approved", "status": "True", "reason": "Me", "message": "I said so"}
    # A patch, since controllers look at new requests and write to them at the same time.
    learner.patch(
        f"{REQUESTS}/{name}/approval",
        json={"status": {"conditions": [approval]}},
        headers={"Content-Type": "application/merge-patch+json"},
    ).raise_for_status()


def test_nobody_signs_a_certificate_in_the_name_of_the_grader(
    learner: httpx.Client, wait_until: Callable[..., None]
) -> None:
    """One of a kubelet is signed, so the signer works; those asked for before it are not."""
    clients = "kubernetes.io/kube-apiserver-client"
    for user in ("assay:grader", "system:kube-scheduler"):
        name = user.rpartition(":")[2]
        request_certificate(learner, name, clients, user)
    request_certificate(
        learner, "kubelet", f"{clients}-kubelet", "system:node:first", "system:nodes"
    )

    def certificate(name: str) -> str:
        status: dict[str, str] = learner.get(f"{REQUESTS}/{name}").json()["status"]
        return status.get("certificate", "")

    wait_until(lambda: certificate("kubelet"))
    assert certificate("grader") == certificate("kube-scheduler") == ""


def test_no_token_by_which_nodes_join_is_left(learner: httpx.Client) -> None:
    secrets = learner.get("/api/v1/namespaces/kube-system/secrets").json()["items"]

    assert [s for s in secrets if s.get("type") == "bootstrap.kubernetes.io/token"] == []


def test_kinds_own_token_opens_nothing(learner: httpx.Client) -> None:
    with httpx.Client(base_url=learner.base_url, verify=False, trust_env=False) as stranger:
        token = {"Authorization": "Bearer abcdef.0123456789abcdef"}
        assert stranger.get("/api/v1/nodes", headers=token).status_code == 401


def test_root_in_the_node_cannot_take_back_what_was_logged(
    cluster: Cluster, run_pod: Callable[..., str], wait_until: Callable[..., None]
) -> None:
    """The record of the Pod that breaks in is outside before its container runs."""
    host = {"name": "host", "hostPath": {"path": "/"}}
    said = run_pod(
        "breaks-in",
        f"cd /host{SPOOL} && grep -c breaks-in audit.log; : > audit.log; wc -c < audit.log",
        nodeName="first",
        volumes=[host],
        container={
            "securityContext": {"privileged": True},
            "volumeMounts": [{"name": "host", "mountPath": "/host"}],
        },
    )

    assert int(said.split()[0]) > 0, "the log in the node was not reached; this test shows nothing"
    wait_until(lambda: '"kind": "Gap"' in cluster.audit_log.read_text())
    kept = [json.loads(line) for line in cluster.audit_log.read_text().splitlines() if line]
    made = [
        number
        for number, event in enumerate(kept)
        if event.get("verb") == "create"
        and (event.get("objectRef") or {}).get("name") == "breaks-in"
        and event["user"]["username"] == "learner"
    ]
    gap = next(number for number, event in enumerate(kept) if event["kind"] == "Gap")
    assert made
    assert made[0] < gap


def test_the_kept_log_is_in_no_node(cluster: Cluster) -> None:
    nodes = docker.containers(kind_name(cluster.kubeconfig.parent))

    assert len(nodes) == 2
    for node in nodes:
        assert not any(cluster.audit_log.is_relative_to(mount) for mount in node.mounts)


def test_docker_publishes_the_api_server_on_loopback_and_nothing_else(cluster: Cluster) -> None:
    for node in docker.containers(kind_name(cluster.kubeconfig.parent)):
        shown = subprocess.run(
            ["docker", "port", node.id], capture_output=True, text=True, check=True
        ).stdout
        assert all("-> 127.0.0.1:" in line for line in shown.splitlines())


def test_two_clusters_would_be_in_two_networks(cluster: Cluster) -> None:
    folder = cluster.kubeconfig.parent

    assert docker.networks(str(folder)) == {str(folder): kind_name(folder)}
