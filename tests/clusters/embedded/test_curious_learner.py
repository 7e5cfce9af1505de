"""What a running cluster keeps from a learner who is cluster-admin, and curious."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clusters.provider import Cluster

pytestmark = pytest.mark.cluster

PODS = "/api/v1/namespaces/default/pods"
WaitUntil = Callable[[Callable[[], object]], None]


def pod(name: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "main", "image": "registry.example/none"}]}
    return named("Pod", name) | {"spec": spec}


def named(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


def audit(cluster: Cluster) -> list[dict[str, Any]]:
    lines = cluster.audit_log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


# --- who may do what


def test_nobody_gets_in_without_a_credential(learner: httpx.Client) -> None:
    with httpx.Client(base_url=learner.base_url, verify=False, trust_env=False) as anonymous:
        assert anonymous.get("/version").status_code == 401
        assert anonymous.get("/readyz").status_code == 401


def test_a_request_for_a_certificate_is_approved_and_never_signed(
    learner: httpx.Client, wait_until: WaitUntil
) -> None:
    """Or a learner could be the scheduler, for whoever asks the audit log."""
    collection = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    learner.post(collection, json=signing_request("forged", "system:kube-scheduler"))
    forged = learner.get(f"{collection}/forged").json()
    approval = {"type": "Approved", "status": "True", "reason": "Me", "message": "me"}
    forged["status"] = {"conditions": [approval]}
    approved = learner.put(f"{collection}/forged/approval", json=forged)
    assert approved.is_success, approved.text

    # The controller-manager has seen the approval when it has worked on what came after it.
    learner.post("/api/v1/namespaces", json=named("Namespace", "after-approval"))
    accounts = "/api/v1/namespaces/after-approval/serviceaccounts/default"
    wait_until(lambda: learner.get(accounts).is_success)

    assert "certificate" not in learner.get(f"{collection}/forged").json()["status"]


def signing_request(name: str, user: str) -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    pem = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": base64.b64encode(pem).decode(),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
        },
    }


# --- what the host shows and what the cluster reaches


def test_nothing_listens_on_the_host_but_the_door_on_loopback(cluster: Cluster) -> None:
    listening = {
        (component.name, connection.laddr.ip)
        for component in cluster.components
        for connection in psutil.Process(component.pid).net_connections("inet")
        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    }

    assert listening == {("door", "127.0.0.1")}


def test_every_component_lives_in_a_network_of_the_cluster_alone(cluster: Cluster) -> None:
    networks = {Path(f"/proc/{one.pid}/ns/net").readlink() for one in cluster.components}

    assert len(networks) == 1
    assert Path("/proc/self/ns/net").readlink() not in networks


def test_files_and_sockets_are_for_their_owner_alone(cluster: Cluster) -> None:
    folder = cluster.kubeconfig.parent

    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "etcd.sock").is_socket()
    exposed = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "member" and path.stat().st_mode & 0o077
    ]
    assert exposed == []


def test_no_secret_stands_in_a_command_line(cluster: Cluster) -> None:
    secrets = [
        line
        for path in cluster.kubeconfig.parent.glob("pki/*.key")
        for line in path.read_text().splitlines()
        if "-----" not in line
    ]

    for component in cluster.components:
        shown = " ".join(psutil.Process(component.pid).cmdline())
        assert not any(secret in shown for secret in secrets)


def test_the_api_of_kwok_is_not_served_and_would_be_ignored(
    learner: httpx.Client, wait_until: WaitUntil
) -> None:
    """A PortForward or an Exec of kwok runs commands on the host."""
    groups = [group["name"] for group in learner.get("/apis").json()["groups"]]
    assert "kwok.x-k8s.io" not in groups

    learner.post(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json=kwok_stage_definition()
    ).raise_for_status()
    stages = "/apis/kwok.x-k8s.io/v1alpha1/stages"
    wait_until(lambda: learner.get(stages).is_success)
    learner.post(stages, json=failing_stage()).raise_for_status()
    learner.post(PODS, json=pod("unimpressed")).raise_for_status()

    wait_until(lambda: learner.get(f"{PODS}/unimpressed").json()["status"]["phase"] == "Running")


def kwok_stage_definition() -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "stages.kwok.x-k8s.io"},
        "spec": {
            "group": "kwok.x-k8s.io",
            "scope": "Cluster",
            "names": {"plural": "stages", "singular": "stage", "kind": "Stage"},
            "versions": [version],
        },
    }


def failing_stage() -> dict[str, Any]:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": "everything-fails"},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
            "selector": {"matchLabels": {}},
            "weight": 1000,
            "next": {"statusTemplate": "phase: Failed"},
        },
    }


@pytest.fixture
def bystander() -> Iterator[tuple[int, threading.Event]]:
    """Another service of the host: its port, and whether anybody connected to it."""
    visited = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def watch() -> None:
            try:
                server.accept()[0].close()
            except OSError:
                return
            visited.set()

        watcher = threading.Thread(target=watch)
        watcher.start()
        yield server.getsockname()[1], visited
        server.shutdown(socket.SHUT_RDWR)
    watcher.join()


def test_the_api_server_cannot_be_made_to_call_other_services_of_the_host(
    learner: httpx.Client, bystander: tuple[int, threading.Event], wait_until: WaitUntil
) -> None:
    port, visited = bystander
    hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    learner.post(hooks, json=webhook(f"https://127.0.0.1:{port}/")).raise_for_status()
    trigger = named("ConfigMap", "trigger")

    def refused() -> bool:
        return (
            "no such file"
            in learner.post("/api/v1/namespaces/default/configmaps?dryRun=All", json=trigger).text
        )

    wait_until(refused)
    learner.delete(f"{hooks}/outward")
    learner.get(f"/api/v1/nodes/127.0.0.1:{port}/proxy/")

    assert not visited.is_set()


def webhook(url: str) -> dict[str, Any]:
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["configmaps"],
    }
    hook = {
        "name": "outward.example.com",
        "clientConfig": {"url": url},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 5,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "outward"},
        "webhooks": [hook],
    }


# --- who did what


def test_the_audit_log_knows_the_scheduler_the_simulation_and_the_learner(
    cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    learner.post(PODS, json=pod("audited")).raise_for_status()
    wait_until(lambda: learner.get(f"{PODS}/audited").json()["status"]["phase"] == "Running")

    def users(subresource: str | None) -> set[tuple[str, str]]:
        return {
            (event["user"]["username"], event["verb"])
            for event in audit(cluster)
            if event["objectRef"].get("name") == "audited"
            and event["objectRef"].get("subresource") == subresource
        }

    assert users(None) == {("learner", "create")}
    assert users("binding") == {("system:kube-scheduler", "create")}
    assert ("assay:kwok", "patch") in users("status")


def test_the_audit_log_shows_who_impersonates_whom(cluster: Cluster, learner: httpx.Client) -> None:
    forged = learner.post(
        PODS, json=pod("forged"), headers={"Impersonate-User": "system:kube-scheduler"}
    )
    assert forged.status_code == 403

    (event,) = [
        event
        for event in audit(cluster)
        if event.get("impersonatedUser") and event["objectRef"].get("resource") == "pods"
    ]
    assert event["user"]["username"] == "learner"
    assert event["impersonatedUser"]["username"] == "system:kube-scheduler"


def test_the_audit_log_holds_no_secret_and_no_token(
    cluster: Cluster, learner: httpx.Client
) -> None:
    secret = named("Secret", "mine") | {"stringData": {"password": "open-sesame"}}
    learner.post("/api/v1/namespaces/default/secrets", json=secret).raise_for_status()
    token = learner.post(
        "/api/v1/namespaces/default/serviceaccounts/default/token",
        json={"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    ).json()["status"]["token"]

    text = cluster.audit_log.read_text(encoding="utf-8")

    assert '"name":"mine"' in text
    assert "open-sesame" not in text
    assert "b3Blbi1zZXNhbWU" not in text
    assert token not in text
