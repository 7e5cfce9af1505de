"""ClusterView on a real cluster: what is there, what is missing, and when it could not look."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from clusters.provider import Cluster
from graders import api
from graders.api import ApiServer
from graders.checks import CheckFailed
from graders.errors import ClusterUnreachable, CredentialRefused, GradingError, RequestInvalid
from graders.kubeconfig import Kubeconfig, load_kubeconfig
from graders.view import ClusterView, Missing

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., str]


def crd(name: str, kind: str) -> dict[str, object]:
    plural, _, group = name.partition(".")
    schema = {"openAPIV3Schema": {"type": "object"}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


def config_map(name: str, namespace: str, **labels: str) -> dict[str, object]:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def test_an_object_is_found_by_kind_plural_or_lower_case(view: ClusterView) -> None:
    for word in ("Namespace", "namespace", "namespaces"):
        found = view.get(word, "default")

        assert found["metadata"]["name"] == "default"
        assert (found["kind"], found["apiVersion"]) == ("Namespace", "v1")


def test_a_missing_object_is_the_learners_and_says_which(view: ClusterView) -> None:
    with pytest.raises(Missing, match=r"^There is no Pod lab/trainer$") as missing:
        view.get("Pod", "trainer", "lab")

    assert isinstance(missing.value, CheckFailed)
    assert view.find("Pod", "trainer", "lab") is None
    assert view.list("Pod", "no-such-namespace") == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../secrets", "a/status", "%2e%2e", "a?b"])
def test_a_name_that_no_object_can_have_is_missing(view: ClusterView, name: str) -> None:
    assert view.find("ConfigMap", name, "default") is None


def test_a_kind_that_is_not_installed_is_missing(view: ClusterView) -> None:
    with pytest.raises(Missing, match="This cluster has no kind InferencePool"):
        view.get("InferencePool", "pool", "default")


def test_a_kind_that_is_installed_later_is_found(view: ClusterView, kubectl: Kubectl) -> None:
    with pytest.raises(Missing):
        view.list("Lantern")

    kubectl("apply", manifest=crd("lanterns.example.com", "Lantern"))
    try:
        kubectl("wait", "--for=condition=Established", "crd/lanterns.example.com")

        assert view.wait_until(lambda: view.list("Lantern") == [], 10, "never")
    finally:
        kubectl("delete", "crd", "lanterns.example.com")


def test_a_learners_kind_does_not_hide_one_of_kubernetes(
    view: ClusterView, kubectl: Kubectl
) -> None:
    kubectl("apply", manifest=crd("pods.aaa.example.com", "Pod"))
    kubectl("apply", manifest=crd("resourceclaims.aaa.example.com", "ResourceClaim"))
    kubectl("apply", manifest=crd("torches.aaa.example.com", "Torch"))
    kubectl("apply", manifest=crd("torches.bbb.example.com", "Torch"))
    names = ("pods.aaa", "resourceclaims.aaa", "torches.aaa", "torches.bbb")
    try:
        for name in names:
            kubectl("wait", "--for=condition=Established", f"crd/{name}.example.com")
        view.wait_until(lambda: _has(view, "aaa.example.com/v1", "Torch"), 10, "never")
        view.wait_until(lambda: _has(view, "bbb.example.com/v1", "Torch"), 10, "never")

        assert view._type("Pod").api_version == "v1"
        assert view._type("ResourceClaim").api_version == "resource.k8s.io/v1"
        with pytest.raises(RequestInvalid, match=r"Several API groups have the kind Torch"):
            view.list("Torch")
    finally:
        for name in names:
            kubectl("delete", "crd", f"{name}.example.com")


def _has(view: ClusterView, api_version: str, kind: str) -> bool:
    return view.list(kind, api_version=api_version) == []


def test_a_group_of_kubernetes_that_somebody_else_serves_is_not_believed(
    view: ClusterView, kubectl: Kubectl
) -> None:
    service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v2.resource.k8s.io"},
        "spec": {
            "group": "resource.k8s.io",
            "version": "v2",
            "service": {"namespace": "default", "name": "mine"},
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 20000,
            "versionPriority": 100,
        },
    }
    kubectl("apply", manifest=service)
    try:
        with pytest.raises(GradingError, match=r"resource\.k8s\.io is not served by Kubernetes"):
            view.list("ResourceClaim")
        assert view.list("Node")
    finally:
        kubectl("delete", "apiservice", "v2.resource.k8s.io")


def test_a_list_longer_than_a_page_is_read_to_its_end(
    view: ClusterView, kubectl: Kubectl, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_PAGE", 2)
    kubectl("apply", manifest=[config_map(f"c{i}", namespace, app="x") for i in range(5)])

    found = view.list("ConfigMap", namespace, "app=x")

    assert [item["metadata"]["name"] for item in found] == [f"c{i}" for i in range(5)]
    assert {item["kind"] for item in found} == {"ConfigMap"}


def test_a_namespaced_kind_needs_a_namespace_and_others_refuse_one(view: ClusterView) -> None:
    with pytest.raises(RequestInvalid, match="pass namespace"):
        view.get("Pod", "trainer")
    with pytest.raises(RequestInvalid, match="leave namespace out"):
        view.get("Node", "gpu-node-0", "default")


def test_what_was_looked_at_is_evidence_without_its_contents(
    view: ClusterView, kubectl: Kubectl, namespace: str
) -> None:
    kubectl(
        "create",
        "secret",
        "generic",
        "token",
        f"--namespace={namespace}",
        "--from-literal=a=hunter2-hunter2",
    )

    secret = view.get("Secret", "token", namespace)
    view.get("Secret", "token", namespace)
    view.find("Pod", "gone", namespace)
    view.list("Pod", namespace)

    entries = view.evidence.entries()
    assert [entry["kind"] for entry in entries] == ["Secret", "Pod", "PodList"]
    assert entries[0]["uid"] == secret["metadata"]["uid"]
    assert entries[0]["resourceVersion"] == secret["metadata"]["resourceVersion"]
    assert entries[1]["missing"] is True
    assert entries[2]["count"] == 0
    assert "hunter2" not in str(entries)
    assert view.evidence.redact("it is hunter2-hunter2!") == "it is (secret)!"
    assert view.evidence.redact(secret["data"]["a"]) == "(secret)"


def test_who_may_do_what_is_asked_of_the_server(
    view: ClusterView, kubectl: Kubectl, namespace: str
) -> None:
    kubectl(
        "create",
        "role",
        "reader",
        "--verb=get",
        "--resource=pods,deployments",
        f"--namespace={namespace}",
    )
    kubectl(
        "create", "rolebinding", "reader", "--role=reader",
        f"--serviceaccount={namespace}:bot", "--user=bob", f"--namespace={namespace}",
    )  # fmt: skip
    bot = f"{namespace}/bot"

    assert view.can_i("get", "pods", namespace, service_account=bot)
    assert view.can_i("get", "deployments", namespace, user="bob")
    assert view.can_i("get", "deployments.apps", namespace, user="bob")
    assert not view.can_i("get", "pods/log", namespace, user="bob")
    assert not view.can_i("delete", "pods", namespace, service_account=bot)
    assert not view.can_i("get", "pods", user="bob")
    assert view.can_i("delete", "nodes", user="learner", groups=["system:masters"])
    with pytest.raises(RequestInvalid):
        view.can_i("get", "pods", namespace)


def test_the_uid_of_the_cluster_is_that_of_kube_system(
    view: ClusterView, graded_cluster: Cluster
) -> None:
    assert view.uid == graded_cluster.uid


# When it could not look


def test_a_server_that_is_not_there_is_our_error(graded_cluster: Cluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(ClusterUnreachable, match="connection refused"):
        _look(_kubeconfig(graded_cluster, port))


def test_a_server_that_does_not_answer_is_our_error(
    graded_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_READ_SECONDS", 0.5)
    monkeypatch.setattr(api, "_CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(ClusterUnreachable, match="The API server does not answer"):
            _look(_kubeconfig(graded_cluster, port))


def test_a_server_that_is_another_one_is_our_error(graded_cluster: Cluster, tmp_path: Path) -> None:
    document = yaml.safe_load(graded_cluster.grader_kubeconfig.read_text())
    cluster = document["clusters"][0]["cluster"]
    cluster["certificate-authority-data"] = _another_authority()
    cluster.pop("certificate-authority", None)
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(_with_files(document, graded_cluster.grader_kubeconfig.parent)))

    with pytest.raises(ClusterUnreachable, match="does not prove to be this cluster's"):
        _look(load_kubeconfig(path))


def test_a_credential_that_is_not_accepted_is_our_error(
    graded_cluster: Cluster, tmp_path: Path
) -> None:
    document = yaml.safe_load(graded_cluster.grader_kubeconfig.read_text())
    document["users"][0]["user"] = {"token": "not-a-token"}
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(_with_files(document, graded_cluster.grader_kubeconfig.parent)))

    with pytest.raises(CredentialRefused, match="does not accept the grader's credential"):
        _look(load_kubeconfig(path))


def test_a_credential_that_may_not_read_is_our_error(graded_cluster: Cluster) -> None:
    kubeconfig = load_kubeconfig(graded_cluster.grader_kubeconfig)
    with ApiServer(kubeconfig) as server:
        server._headers["Impersonate-User"] = "nobody"

        with pytest.raises(CredentialRefused, match=r"does not let the grader read \(403\)"):
            ClusterView(server).get("Secret", "x", "default")


@pytest.mark.parametrize("content", ["", "not: [yaml", "{}", "current-context: x", "- a"])
def test_a_kubeconfig_that_is_not_one_is_our_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)

    with pytest.raises(CredentialRefused, match="The grader's kubeconfig is not complete"):
        load_kubeconfig(path)
    with pytest.raises(CredentialRefused, match="No such file"):
        load_kubeconfig(tmp_path / "missing")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, ClusterUnreachable),
        (503, ClusterUnreachable),
        (429, ClusterUnreachable),
        (401, CredentialRefused),
        (403, CredentialRefused),
        (400, RequestInvalid),
    ],
)
def test_a_status_other_than_404_is_never_read_as_nothing(
    graded_cluster: Cluster, status: int, error: type[GradingError]
) -> None:
    with _fake_server(status) as port:
        kubeconfig = load_kubeconfig(graded_cluster.grader_kubeconfig)
        plain = Kubeconfig(f"http://127.0.0.1:{port}", kubeconfig.tls)

        with ApiServer(plain) as server, pytest.raises(error):
            ClusterView(server).list("Pod", "default")


@contextmanager
def _fake_server(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"kind": "Status", "message": "fake"}'
            if self.path.startswith("/api") and "namespaces" not in self.path:
                self.send_response(200)
                body = _FAKE_DISCOVERY if self.path == "/api" else b'{"items": []}'
            else:
                self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


_FAKE_DISCOVERY = b"""{"items": [{"metadata": {}, "versions": [{"version": "v1", "resources": [
    {"resource": "pods", "responseKind": {"kind": "Pod"}, "scope": "Namespaced"}]}]}]}"""


def _look(kubeconfig: Kubeconfig) -> None:
    with ApiServer(kubeconfig) as server:
        ClusterView(server).get("Pod", "trainer", "default")


def _kubeconfig(cluster: Cluster, port: int) -> Kubeconfig:
    return Kubeconfig(f"https://127.0.0.1:{port}", load_kubeconfig(cluster.grader_kubeconfig).tls)


def _with_files(document: dict[str, list[dict[str, dict[str, str]]]], base: Path) -> object:
    """Return a kubeconfig whose file names still hold in another folder."""
    for section, key in (("clusters", "cluster"), ("users", "user")):
        values = document[section][0][key]
        for name in ("certificate-authority", "client-certificate", "client-key"):
            if name in values:
                values[name] = str(base / values[name])
    return document


def _another_authority() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "another")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.PEM)).decode()
