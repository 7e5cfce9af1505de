"""Safeguards in a cluster: what breaks them for good, and what does not."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from clusters.provider import Cluster
from graders.api import ApiServer
from graders.checks import CheckFailed
from graders.errors import AuditIncomplete, GradingError
from graders.safeguards import history
from graders.safeguards.guarding import require_intact
from graders.safeguards.recording import Record, record_safeguards
from graders.safeguards.safeguard import Safeguard
from graders.view import ClusterView

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., str]


def deployment(namespace: str, replicas: int = 1) -> dict[str, object]:
    labels = {"app": "chat"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "chat", "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "server", "image": "server:1"}]},
            },
        },
    }


class Watch:
    """One safeguard, recorded, and what is found of it later."""

    def __init__(self, cluster: Cluster, kind: str, name: str, namespace: str, rule: str) -> None:
        self._cluster = cluster
        self._safeguard = Safeguard.model_validate(
            {
                "id": "it",
                "title": "It stays",
                "object": {"kind": kind, "name": name, "namespace": namespace},
                "rule": rule,
            }
        )
        self._records = self._with_view(lambda view: record_safeguards(view, [self._safeguard]))

    def look(self) -> None:
        self._with_view(lambda view: require_intact(view, [self._safeguard], self._records))

    def broken(self) -> str:
        with pytest.raises(CheckFailed) as caught:
            self.look()
        return caught.value.message

    def _with_view(
        self, act: Callable[[ClusterView], dict[str, Record] | None]
    ) -> dict[str, Record]:
        with ApiServer.from_file(self._cluster.grader_kubeconfig) as api:
            return act(ClusterView(api, self._cluster.audit_log)) or {}


@pytest.fixture
def watch(graded_cluster: Cluster, namespace: str) -> Callable[..., Watch]:
    def begin(kind: str, name: str, rule: str) -> Watch:
        return Watch(graded_cluster, kind, name, namespace, rule)

    return begin


def test_scaling_to_zero_and_back_is_not_forgotten(
    watch: Callable[..., Watch], kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", manifest=deployment(namespace))
    chat = watch("Deployment", "chat", "scaled")
    before = time.strftime("%Y-%m-%d %H:%M", time.gmtime())

    for replicas in (3, 1):
        kubectl("scale", "deployment", "chat", f"--replicas={replicas}", f"-n={namespace}")
    kubectl("rollout", "restart", "deployment", "chat", f"-n={namespace}")
    kubectl("set", "image", "deployment", "chat", "server=server:2", f"-n={namespace}")
    chat.look()

    kubectl("scale", "deployment", "chat", "--replicas=0", f"-n={namespace}")
    kubectl("scale", "deployment", "chat", "--replicas=1", f"-n={namespace}")

    message = chat.broken()
    assert message.startswith(f"It stays: the Deployment {namespace}/chat was scaled to zero at ")
    assert before[:10] in message
    assert message.endswith("UTC by learner")


def test_a_patch_to_zero_counts_as_scaling_and_says_whom_its_author_pretended_to_be(
    watch: Callable[..., Watch], kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", manifest=deployment(namespace))
    chat = watch("Deployment", "chat", "scaled")
    patch = ("patch", "deployment", "chat", f"-n={namespace}", "-p")

    kubectl(
        *patch,
        '{"spec": {"replicas": 0}}',
        "--as=system:kube-scheduler",
        "--as-group=system:masters",
    )
    kubectl(*patch, '{"spec": {"replicas": 1}}')

    assert chat.broken().endswith("by learner (as system:kube-scheduler)")


def test_contents_that_were_changed_and_changed_back_are_not_untouched(
    watch: Callable[..., Watch], kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", manifest=deployment(namespace))
    chat = watch("Deployment", "chat", "untouched")

    kubectl("annotate", "deployment", "chat", "note=1", f"-n={namespace}")
    kubectl("wait", "deployment", "chat", "--for=condition=Available", f"-n={namespace}")
    chat.look()

    for image in ("server:2", "server:1"):
        kubectl("set", "image", "deployment", "chat", f"server={image}", f"-n={namespace}")

    message = chat.broken()
    assert "was changed (spec.template.spec.containers[0].image) at" in message
    assert message.endswith("by learner")


def test_scaling_is_a_change_too(
    watch: Callable[..., Watch], kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", manifest=deployment(namespace))
    chat = watch("Deployment", "chat", "untouched")

    kubectl("scale", "deployment", "chat", "--replicas=2", f"-n={namespace}")
    kubectl("scale", "deployment", "chat", "--replicas=1", f"-n={namespace}")

    assert "was scaled at" in chat.broken()


def test_a_config_map_that_was_written_is_not_untouched(
    watch: Callable[..., Watch], kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "configmap", "results", "--from-literal=loss=1", f"-n={namespace}")
    results = watch("ConfigMap", "results", "untouched")
    patch = ("patch", "configmap", "results", f"-n={namespace}", "-p")

    kubectl(*patch, '{"data": {"loss": "1"}}')  # changes nothing
    results.look()

    kubectl(*patch, '{"data": {"loss": "2"}}')
    kubectl(*patch, '{"data": {"loss": "1"}}')

    assert "was written at" in results.broken()


@pytest.mark.parametrize("rule", ["survives", "untouched", "scaled"])
def test_what_is_deleted_and_made_again_is_another_object(
    watch: Callable[..., Watch], kubectl: Kubectl, namespace: str, rule: str
) -> None:
    kubectl("create", manifest=deployment(namespace))
    chat = watch("Deployment", "chat", rule)

    kubectl("delete", "deployment", "chat", f"-n={namespace}")
    assert "chat was deleted at" in chat.broken()
    kubectl("create", manifest=deployment(namespace))

    message = chat.broken()
    assert "was deleted and made again at" in message
    assert message.endswith("by learner")


def test_who_deletes_the_namespace_is_named_and_not_the_controller_that_obeys(
    watch: Callable[..., Watch], kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "configmap", "results", f"-n={namespace}")
    results = watch("ConfigMap", "results", "survives")

    kubectl("delete", "namespace", namespace, "--wait=false")
    deadline = time.monotonic() + 20
    while True:
        try:
            results.look()
        except CheckFailed as error:
            message = error.message
            break
        assert time.monotonic() < deadline

    assert message.endswith("by learner")


def test_an_object_that_is_being_deleted_does_not_survive(
    watch: Callable[..., Watch], kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "configmap", "results", f"-n={namespace}")
    results = watch("ConfigMap", "results", "survives")
    finalizers = ("patch", "configmap", "results", f"-n={namespace}", "-p")

    kubectl(*finalizers, '{"metadata": {"finalizers": ["example.com/wait"]}}')
    results.look()
    kubectl("delete", "configmap", "results", "--wait=false", f"-n={namespace}")
    message = results.broken()
    kubectl(*finalizers, '{"metadata": {"finalizers": null}}')

    assert "is being deleted at" in message


def test_what_must_exist_may_be_replaced_but_not_stay_away(
    watch: Callable[..., Watch],
    kubectl: Kubectl,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kubectl("create", manifest=deployment(namespace))
    chat = watch("Deployment", "chat", "exists")

    kubectl("replace", "--force", manifest=deployment(namespace))
    chat.look()
    kubectl("delete", "deployment", "chat", f"-n={namespace}")
    assert "was deleted at" in chat.broken()
    time.sleep(0.5)
    kubectl("create", manifest=deployment(namespace))
    chat.look()

    monkeypatch.setattr(history, "AWAY_SECONDS", 0.4)
    assert "was deleted and stayed away" in chat.broken()


def test_an_object_that_is_not_there_cannot_be_guarded(
    watch: Callable[..., Watch], kubectl: Kubectl, namespace: str
) -> None:
    with pytest.raises(GradingError, match=r"Safeguard it: There is no Deployment .*/chat"):
        watch("Deployment", "chat", "survives")

    kubectl("create", manifest=deployment(namespace, replicas=0))
    with pytest.raises(GradingError, match="wants no replicas"):
        watch("Deployment", "chat", "scaled")


def test_a_log_that_lost_its_beginning_is_an_error_where_only_the_log_could_tell(
    watch: Callable[..., Watch],
    kubectl: Kubectl,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lost(log: object, made_at: str) -> None:
        raise AuditIncomplete("The audit log of this cluster has lost its beginning")

    kubectl("create", manifest=deployment(namespace))
    scaled, survives = (
        watch("Deployment", "chat", "scaled"),
        watch("Deployment", "chat", "survives"),
    )
    monkeypatch.setattr("graders.provenance.require_beginning", lost)

    kubectl("set", "image", "deployment", "chat", "server=server:2", f"-n={namespace}")
    with pytest.raises(AuditIncomplete):
        scaled.look()
    survives.look()
    kubectl("delete", "deployment", "chat", f"-n={namespace}")
    assert survives.broken().endswith("chat was deleted")
