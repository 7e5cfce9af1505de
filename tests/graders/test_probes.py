"""Probes on a real cluster: nobody can prepare for them, and nothing is left of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from graders import probes
from graders.checks import CheckFailed
from graders.errors import GradingError, ProbeRefused, RequestInvalid
from graders.fidelity import differences
from graders.probes import LABEL, refuser
from graders.view import ClusterView, Missing

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., str]


def pod(namespace: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "registry.example/none"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace},
        "spec": {"containers": [container], **spec},
    }


def config_map(namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace}}


def pod_with_devices(view: ClusterView, namespace: str, count: int) -> list[dict[str, Any]]:
    name = view.random_name()
    request = {"name": "gpu", "exactly": {"deviceClassName": "gpu.assay.dev", "count": count}}
    template = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"spec": {"devices": {"requests": [request]}}},
    }
    claims = [{"name": "gpu", "resourceClaimTemplateName": name}]
    return [template, pod(namespace, resourceClaims=claims)]


def left(view: ClusterView, *kinds: str) -> list[str]:
    return [item["metadata"]["name"] for kind in kinds for item in view.list(kind, None, LABEL)]


def test_a_probe_has_a_name_that_nobody_can_guess(view: ClusterView, namespace: str) -> None:
    with (
        view.create_probe(config_map(namespace)) as one,
        view.create_probe(config_map(namespace)) as two,
    ):
        assert one.name != two.name
        assert left(view, "ConfigMap") == sorted([one.name, two.name])

    assert left(view, "ConfigMap") == []


def test_a_name_that_was_not_drawn_is_refused(view: ClusterView, namespace: str) -> None:
    manifest = config_map(namespace)
    manifest["metadata"]["name"] = "probe"

    with pytest.raises(RequestInvalid, match="not random"), view.create_probe(manifest):
        pass


def test_a_probe_is_scheduled_and_then_gone_with_its_claims(
    view: ClusterView, namespace: str
) -> None:
    with view.create_probe(*pod_with_devices(view, namespace, 2)) as probe:
        running = probe.wait_until(
            lambda found: found["status"]["phase"] == "Running", 20, "It does not run", index=1
        )
        assert len(view.list("ResourceClaim", namespace)) == 1
        assert running["metadata"]["uid"] == probe.documents[1]["metadata"]["uid"]

    assert view.list("ResourceClaim", namespace) == []
    assert left(view, "Pod", "ResourceClaimTemplate") == []


def test_the_claim_of_a_probe_is_gone_when_the_check_goes_on(
    view: ClusterView, kubectl: Kubectl, namespace: str
) -> None:
    template, probe = pod_with_devices(view, namespace, 1)
    kubectl("create", manifest=template)

    for _ in range(5):
        with view.create_probe(probe) as made:
            made.wait_until(lambda found: found["status"]["phase"] == "Running", 20, "no")
        assert view.list("ResourceClaim", namespace) == []


def test_a_probe_that_does_not_become_what_it_should_says_what_it_is(
    view: ClusterView, namespace: str
) -> None:
    with view.create_probe(*pod_with_devices(view, namespace, 9)) as probe:
        with pytest.raises(CheckFailed) as failure:
            probe.wait_until(
                lambda found: found["status"]["phase"] == "Running",
                1,
                "Nine devices do not fit",
                index=1,
                found=lambda found: found["status"]["phase"],
            )

    assert failure.value.found == "Pending"
    assert left(view, "Pod") == []


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_a_probe_is_removed_however_the_check_ends(
    view: ClusterView, namespace: str, error: type[BaseException]
) -> None:
    with pytest.raises(error), view.create_probe(config_map(namespace)):
        raise error

    assert left(view, "ConfigMap") == []


def test_the_first_of_two_is_removed_when_the_second_is_refused(
    view: ClusterView, namespace: str
) -> None:
    invalid = pod(namespace, restartPolicy="Sometimes")

    with pytest.raises(ProbeRefused, match="restartPolicy"):
        with view.create_probe(config_map(namespace), invalid):
            pass

    assert left(view, "ConfigMap", "Pod") == []


def test_a_manifest_with_a_misspelt_field_is_the_authors_mistake(
    view: ClusterView, namespace: str
) -> None:
    with pytest.raises(RequestInvalid, match="restartPolice"):
        with view.create_probe(pod(namespace, restartPolice="Always")):
            pass
    with pytest.raises(RequestInvalid, match="restartPolice"):
        view.dry_run(pod(namespace, restartPolice="Always"))


def constraints(namespace: str, resource: str) -> dict[str, Any]:
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": [resource],
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return {"namespaceSelector": selector, "resourceRules": [rule]}


@contextmanager
def policy(kubectl: Kubectl, namespace: str) -> Iterator[str]:
    name = f"no-pods-in-{namespace}"
    spec = {
        "matchConstraints": constraints(namespace, "pods"),
        "validations": [{"expression": "'tier' in object.metadata.labels", "message": "no tier"}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    kubectl(
        "create",
        manifest=[
            admission_object("ValidatingAdmissionPolicy", name, spec=spec),
            admission_object("ValidatingAdmissionPolicyBinding", name, spec=binding),
        ],
    )
    yield name
    kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", name)


def admission_object(kind: str, name: str, **rest: object) -> dict[str, Any]:
    api_version = "admissionregistration.k8s.io/v1"
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **rest}


def test_a_policy_that_refuses_a_probe_is_named(
    view: ClusterView, kubectl: Kubectl, namespace: str
) -> None:
    with policy(kubectl, namespace) as name:
        view.wait_until(lambda: not view.dry_run(pod(namespace)).accepted, 10, "never enforced")

        with pytest.raises(ProbeRefused, match=f"ValidatingAdmissionPolicy {name}: .*no tier"):
            with view.create_probe(pod(namespace)):
                pass
        refused = view.dry_run(pod(namespace))

    assert (refused.accepted, refused.refused_by) == (False, f"ValidatingAdmissionPolicy {name}")
    assert "no tier" in refused.reason
    assert left(view, "Pod") == []


def test_a_webhook_that_does_not_answer_is_named(
    view: ClusterView, kubectl: Kubectl, namespace: str
) -> None:
    name = f"broken-{namespace}"
    match = constraints(namespace, "configmaps")
    webhook = {
        "name": "broken.example.com",
        "clientConfig": {"url": "https://127.0.0.1:9/none"},
        "rules": match["resourceRules"],
        "namespaceSelector": match["namespaceSelector"],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    configuration = admission_object("ValidatingWebhookConfiguration", name, webhooks=[webhook])
    kubectl("create", manifest=configuration)
    try:
        view.wait_until(lambda: not view.dry_run(config_map(namespace)).accepted, 10, "never")

        with pytest.raises(ProbeRefused, match=r"admission webhook broken\.example\.com"):
            with view.create_probe(config_map(namespace)):
                pass
    finally:
        kubectl("delete", "validatingwebhookconfiguration", name)


def test_a_quota_that_refuses_a_probe_is_named(
    view: ClusterView, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "quota", "none", "--hard=pods=0", f"--namespace={namespace}")

    def refused_by() -> str:
        return view.dry_run(pod(namespace)).refused_by

    assert view.wait_until(refused_by, 10, "never enforced") == "ResourceQuota none"


def test_a_dry_run_says_yes_and_makes_nothing(view: ClusterView, namespace: str) -> None:
    answer = view.dry_run(pod(namespace))

    assert answer.accepted
    assert view.list("Pod", namespace) == []


def test_a_dry_run_is_not_decided_by_an_object_of_that_name(
    view: ClusterView, kubectl: Kubectl, namespace: str
) -> None:
    manifest = pod(namespace)
    manifest["metadata"]["name"] = "taken"
    kubectl("create", manifest=manifest)

    assert view.dry_run(manifest).accepted


def test_a_dry_run_without_its_namespace_is_the_learners(view: ClusterView) -> None:
    with pytest.raises(Missing, match="no-such"):
        view.dry_run(pod("no-such"))


@pytest.mark.parametrize(
    ("resource", "manifest", "mutation", "changed"),
    [
        ("configmaps", {"data": {"size": "9"}}, 'Object{data: {"size": "1"}}', "data.size"),
        ("pods", {}, "Object{spec: Object.spec{hostNetwork: true}}", "spec.hostNetwork"),
        ("pods", {}, 'Object{spec: Object.spec{schedulerName: "mine"}}', "spec.schedulerName"),
    ],
)
def test_a_probe_that_is_changed_on_its_way_in_is_not_believed(
    view: ClusterView,
    namespace: str,
    kubectl: Kubectl,
    resource: str,
    manifest: dict[str, Any],
    mutation: str,
    changed: str,
) -> None:
    name = f"change-{resource}-in-{namespace}"
    application = {
        "patchType": "ApplyConfiguration",
        "applyConfiguration": {"expression": mutation},
    }
    spec = {
        "matchConstraints": constraints(namespace, resource),
        "reinvocationPolicy": "Never",
        "mutations": [application],
    }
    kubectl(
        "create",
        manifest=[
            admission_object("MutatingAdmissionPolicy", name, spec=spec),
            admission_object("MutatingAdmissionPolicyBinding", name, spec={"policyName": name}),
        ],
    )
    probe = {**(pod(namespace) if resource == "pods" else config_map(namespace)), **manifest}

    def refused() -> str:
        try:
            with view.create_probe(probe):
                return ""
        except ProbeRefused as error:
            return str(error)

    try:
        sentence = view.wait_until(refused, 10, "It was believed")
    finally:
        kubectl("delete", "mutatingadmissionpolicy,mutatingadmissionpolicybinding", name)

    assert "Something in the cluster changed the probe" in sentence
    assert changed in sentence
    assert left(view, "ConfigMap", "Pod") == []


def test_a_probe_that_the_learner_removes_is_our_error(
    view: ClusterView, kubectl: Kubectl, namespace: str
) -> None:
    with view.create_probe(config_map(namespace)) as probe:
        kubectl("delete", "configmap", probe.name, f"--namespace={namespace}")
        kubectl("create", "configmap", probe.name, f"--namespace={namespace}")

        with pytest.raises(ProbeRefused, match="was removed while the check looked at it"):
            probe.read()

    of_the_learner = view.get("ConfigMap", probe.name, namespace)
    assert "deletionTimestamp" not in of_the_learner["metadata"]


def test_a_probe_that_does_not_go_is_our_error(
    view: ClusterView, kubectl: Kubectl, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "CLEANUP_SECONDS", 0.5)
    finalizers = '--patch={"metadata": {"finalizers": %s}}'

    probe = view.create_probe(config_map(namespace))
    made = probe.__enter__()
    place = ("configmap", made.name, f"--namespace={namespace}", "--type=merge")
    kubectl("patch", *place, finalizers % '["example.com/mine"]')

    with pytest.raises(GradingError, match="a finalizer holds it"):
        probe.__exit__(None, None, None)

    kubectl("patch", *place, finalizers % "[]")


def test_who_refused_is_read_from_the_servers_words() -> None:
    assert refuser('admission webhook "a.b.c" denied the request: no') == "admission webhook a.b.c"
    assert refuser('pods "x" is forbidden: violates PodSecurity "restricted:latest": a') == (
        "Pod Security level restricted:latest"
    )
    assert refuser("something else") == ""


def test_defaults_are_no_change_and_other_values_are() -> None:
    wanted = {"cpu": "1000m", "ports": [{"port": 80}], "labels": {}, "name": "a"}
    found = {"cpu": "1", "ports": [{"port": 80, "protocol": "TCP"}, {"port": 81}], "name": "a"}

    assert list(differences(wanted, found)) == []
    assert list(differences(wanted, {**found, "cpu": "2", "ports": []})) == ["cpu", "ports"]
    assert list(differences({"a": {"b": False}}, {"a": {"b": True}})) == ["a.b"]
    assert list(differences({"a": {"b": 1}}, {})) == ["a"]
