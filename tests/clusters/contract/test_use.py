"""What people do in a cluster: what a provider claims, and what a learner may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from clusters.capability import Capability

pytestmark = pytest.mark.cluster

PODS = "/api/v1/namespaces/default/pods"
DRA = "/apis/resource.k8s.io/v1"


def claim_template(name: str, count: int) -> dict[str, Any]:
    request = {"name": "gpu", "exactly": {"deviceClassName": "gpu.assay.dev", "count": count}}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name},
        "spec": {"spec": {"devices": {"requests": [request]}}},
    }


def claiming(pod: dict[str, Any], template: str) -> dict[str, Any]:
    pod["spec"]["containers"][0]["resources"] = {"claims": [{"name": "gpu"}]}
    pod["spec"]["resourceClaims"] = [{"name": "gpu", "resourceClaimTemplateName": template}]
    return pod


def image_named(part: str, learner: httpx.Client) -> str | None:
    """Return an image with `part` in its name that a node has; None where there is none."""
    nodes = learner.get("/api/v1/nodes").json()["items"]
    images = [image for node in nodes for image in node["status"].get("images", ())]
    return next((name for image in images for name in image["names"] if part in name), None)


def events_of(made: Any) -> list[dict[str, Any]]:
    lines = made.cluster.audit_log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


# --- capabilities


def test_it_offers_what_its_provider_claims_and_scheduling_at_least(
    subject: Any, made: Any
) -> None:
    assert Capability.SCHEDULING in made.cluster.capabilities
    assert made.cluster.capabilities <= subject.provider.capabilities


def test_a_pod_with_a_claim_runs_where_the_scheduler_allocated(
    learner: httpx.Client,
    new_pod: Callable[..., dict[str, Any]],
    wait_until: Callable[..., None],
) -> None:
    learner.post(f"{DRA}/namespaces/default/resourceclaimtemplates", json=claim_template("two", 2))
    created = learner.post(PODS, json=claiming(new_pod("with-claim"), "two"))
    assert created.status_code == 201, created.text

    wait_until(lambda: learner.get(f"{PODS}/with-claim").json()["status"].get("phase") == "Running")

    found = learner.get(f"{PODS}/with-claim").json()
    claim_name = found["status"]["resourceClaimStatuses"][0]["resourceClaimName"]
    claim = learner.get(f"{DRA}/namespaces/default/resourceclaims/{claim_name}").json()
    results = claim["status"]["allocation"]["devices"]["results"]
    assert {result["pool"] for result in results} == {found["spec"]["nodeName"]}
    assert len(results) == 2


def test_more_devices_than_there_are_are_not_allocated(
    learner: httpx.Client,
    new_pod: Callable[..., dict[str, Any]],
    wait_until: Callable[..., None],
) -> None:
    learner.post(f"{DRA}/namespaces/default/resourceclaimtemplates", json=claim_template("nine", 9))
    learner.post(PODS, json=claiming(new_pod("too-much"), "nine"))

    def refusals() -> list[str]:
        status = learner.get(f"{PODS}/too-much").json()["status"]
        conditions = status.get("conditions", [])
        return [c["message"] for c in conditions if c.get("reason") == "Unschedulable"]

    wait_until(refusals)
    assert "cannot allocate all claims" in refusals()[0]


def test_a_deleted_pod_goes_away(
    learner: httpx.Client,
    new_pod: Callable[..., dict[str, Any]],
    wait_until: Callable[..., None],
) -> None:
    learner.post(PODS, json=new_pod("short-lived")).raise_for_status()
    wait_until(lambda: learner.get(f"{PODS}/short-lived").json()["spec"].get("nodeName"))

    learner.delete(f"{PODS}/short-lived")

    wait_until(lambda: learner.get(f"{PODS}/short-lived").status_code == 404)


def test_containers_are_real_where_they_are_claimed(
    made: Any,
    learner: httpx.Client,
    new_pod: Callable[..., dict[str, Any]],
    wait_until: Callable[..., None],
) -> None:
    if Capability.CONTAINERS not in made.cluster.capabilities:
        pytest.skip(f"{made.cluster.provider} does not claim containers")
    learner.post(PODS, json=new_pod("contained")).raise_for_status()

    def started() -> list[str]:
        statuses = learner.get(f"{PODS}/contained").json()["status"].get("containerStatuses", [])
        return [status["containerID"] for status in statuses if status.get("started")]

    wait_until(started)
    container = started()[0].rpartition("/")[2]
    assert any(
        container in Path(f"/proc/{pid}/cgroup").read_text()
        for pid in psutil.pids()
        if Path(f"/proc/{pid}/cgroup").is_file()
    ), "no process of this host is in the container"


def test_pods_and_services_carry_traffic_where_networking_is_claimed(
    made: Any,
    learner: httpx.Client,
    new_pod: Callable[..., dict[str, Any]],
    wait_until: Callable[..., None],
) -> None:
    if Capability.NETWORKING not in made.cluster.capabilities:
        pytest.skip(f"{made.cluster.provider} does not claim networking for this cluster")
    tools = image_named("busybox:", learner)
    if tools is None:
        pytest.skip("no node has an image with a web server (busybox)")

    def shell(name: str, script: str) -> dict[str, Any]:
        pod = new_pod(name, restartPolicy="OnFailure")
        pod["metadata"]["labels"] = {"app": name}
        pod["spec"]["containers"][0] |= {"image": tools, "command": ["sh", "-c", script]}
        return pod

    learner.post(PODS, json=shell("web", "cd /tmp && echo it-is-me > index.html && httpd -f -p 80"))
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 8080, "targetPort": 80}]},
    }
    learner.post("/api/v1/namespaces/default/services", json=service).raise_for_status()
    wait_until(lambda: learner.get(f"{PODS}/web").json()["status"].get("podIP"))
    address = learner.get(f"{PODS}/web").json()["status"]["podIP"]

    asking = f"curl -s -m 5 http://{address} && curl -s -m 5 http://web.default.svc:8080"
    learner.post(PODS, json=shell("asks", asking)).raise_for_status()

    def answered() -> bool:
        status: dict[str, Any] = learner.get(f"{PODS}/asks").json()["status"]
        return status.get("phase") == "Succeeded"

    wait_until(answered, 180)
    assert learner.get(f"{PODS}/asks/log").text == "it-is-me\nit-is-me\n"


# --- credentials


def test_the_learner_may_do_everything_in_the_cluster(learner: httpx.Client) -> None:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "*", "group": "*", "resource": "*"}},
    }

    answer = learner.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=review)

    assert answer.json()["status"]["allowed"] is True


@pytest.mark.parametrize(
    ("which", "user"),
    [
        ("kubeconfig", "learner"),
        ("grader_kubeconfig", "assay:grader"),
        ("platform_kubeconfig", "assay:platform"),
    ],
)
def test_each_credential_speaks_for_its_own_user(
    made: Any, connect: Callable[[Path], httpx.Client], which: str, user: str
) -> None:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}

    with connect(getattr(made.cluster, which)) as client:
        answer = client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json=review)

    assert answer.json()["status"]["userInfo"]["username"] == user


def test_nobody_gets_in_without_a_credential(learner: httpx.Client) -> None:
    with httpx.Client(base_url=learner.base_url, verify=False, trust_env=False) as anonymous:
        assert anonymous.get("/api/v1/nodes").status_code in (401, 403)
        assert anonymous.get("/api/v1/namespaces/default/secrets").status_code in (401, 403)


def test_a_learner_cannot_blind_the_grader(learner: httpx.Client, grader: httpx.Client) -> None:
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    for binding in learner.get(roles).json()["items"]:
        subjects = json.dumps(binding.get("subjects", []))
        if "assay" in binding["metadata"]["name"] or "grader" in subjects:
            learner.delete(f"{roles}/{binding['metadata']['name']}")

    assert grader.get("/api/v1/secrets").is_success


# --- the audit log


def test_the_audit_log_tells_who_did_what(
    made: Any,
    learner: httpx.Client,
    grader: httpx.Client,
    wait_until: Callable[..., None],
) -> None:
    for who, client in (("learner", learner), ("grader", grader)):
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"by-{who}"}}
        client.post("/api/v1/namespaces/default/configmaps", json=document).raise_for_status()

    def told() -> set[tuple[str, str]]:
        return {
            (event["user"]["username"], event["objectRef"].get("name", ""))
            for event in events_of(made)
            if event["verb"] == "create" and event.get("objectRef")
        }

    wait_until(lambda: {("learner", "by-learner"), ("assay:grader", "by-grader")} <= told())


def test_the_audit_log_holds_no_secret(
    made: Any, learner: httpx.Client, wait_until: Callable[..., None]
) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "kept"},
        "stringData": {"password": "cGVla2Fib28-never-logged"},
    }
    learner.post("/api/v1/namespaces/default/secrets", json=secret).raise_for_status()

    def seen() -> bool:
        return any((e.get("objectRef") or {}).get("name") == "kept" for e in events_of(made))

    wait_until(seen)
    assert "never-logged" not in made.cluster.audit_log.read_text()


def test_a_learner_cannot_reach_the_audit_log_through_the_cluster(made: Any) -> None:
    """It lies outside, where only whoever runs the platform can write."""
    assert made.cluster.audit_log.is_file()
    assert made.cluster.audit_log.parent.stat().st_mode & 0o022 == 0


# --- the host


def test_nothing_of_it_listens_for_other_hosts(made: Any, subject: Any) -> None:
    pids = {component.pid for component in made.cluster.components}
    listening = {
        (pid, connection.laddr.ip)
        for pid in pids
        if pid and _is_in_our_network(pid)
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert {ip for _, ip in listening} <= {"127.0.0.1", "::1"}


def test_no_key_stands_in_a_command_line(made: Any) -> None:
    keys = [
        line.split(": ")[1]
        for path in (made.cluster.kubeconfig, made.cluster.grader_kubeconfig)
        for line in path.read_text().splitlines()
        if "client-key-data: " in line
    ]

    assert keys
    for component in made.cluster.components:
        shown = " ".join(psutil.Process(component.pid).cmdline())
        assert not any(key in shown for key in keys)


def _is_in_our_network(pid: int) -> bool:
    return Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
