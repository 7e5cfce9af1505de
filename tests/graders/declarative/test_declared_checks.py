"""Declarative checks, run by the grader on a real cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graders.lab import Lab
from graders.report import CheckResult, Outcome
from graders.runner import GradingJob, grade

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., str]
WriteDeclared = Callable[..., Lab]
MakeJob = Callable[..., GradingJob]
IMAGE = "registry.k8s.io/pause:3.10"
OF_WEB = "{kind: Pod, namespace: '{{ space }}', owned_by: {kind: Deployment, name: web}"


@pytest.fixture
def shop(kubectl: Kubectl, namespace: str) -> str:
    """A namespace with the Deployment `web` of two Pods, and a Pod that only looks like its."""
    at = f"--namespace={namespace}"
    kubectl("create", "deployment", "web", f"--image={IMAGE}", "--replicas=2", at)
    kubectl("wait", "--for=condition=Available", "deployment/web", at, "--timeout=20s")
    kubectl("create", "configmap", "facts", "--from-literal=model=Wren", "--from-literal=n=3", at)
    node = kubectl("get", "node", "gpu-node-0", "--output=jsonpath={.metadata.uid}")
    owners = [
        {"apiVersion": "v1", "kind": "Node", "name": "gpu-node-0", "uid": node},
        {"apiVersion": "example.com/v1", "kind": "Nothing", "name": "none", "uid": node[::-1]},
    ]
    named = {"name": "lookalike", "namespace": namespace, "labels": {"app": "web"}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**named, "ownerReferences": owners},
        "spec": {"nodeName": "gpu-node-0", "containers": [{"name": "c", "image": IMAGE}]},
    }
    kubectl("create", manifest=pod)
    return namespace


@pytest.fixture
def judge(
    write_declared: WriteDeclared, make_job: MakeJob, shop: str
) -> Callable[..., dict[str, CheckResult]]:
    """Return the results of checks with one requirement each, by the names they are given."""

    def judge(
        requirements: dict[str, str],
        parameters: dict[str, Any] | None = None,
        **job: Any,
    ) -> dict[str, CheckResult]:
        documents = "---\n".join(
            f"apiVersion: assay.dev/v1\nkind: Check\ntask: {task}\nrequire:\n{_block(text)}"
            for task, text in requirements.items()
        )
        drawn = {"space": {"choice": [shop]}, **(parameters or {})}
        lab = write_declared(documents, *requirements, parameters=drawn)
        return {result.task: result for result in grade(make_job(lab, **job)).results}

    return judge


def _block(text: str) -> str:
    return "".join(f"  - {line.strip()}\n" for line in text.strip().splitlines())


def outcomes(results: dict[str, CheckResult]) -> dict[str, str]:
    return {task: result.outcome.value for task, result in results.items()}


def test_objects_are_compared_with_patterns(
    judge: Callable[..., dict[str, CheckResult]], kubectl: Kubectl, shop: str
) -> None:
    uid = kubectl("get", "deployment", "web", "-n", shop, "--output=jsonpath={.metadata.uid}")
    web = "kind: Deployment, name: web, namespace: '{{ space }}'"
    passing = {
        "one": f"expect: {{{web}, matches: {{spec: {{replicas: '{{{{ two }}}}'}}}}}}",
        "uid": f"expect: {{{web}, matches: {{metadata: {{uid: {{$baseline: web.uid}}}}}}}}",
        "every": f"expect: {OF_WEB}, every: {{status: {{phase: Running}}}}, count: 2}}",
        "bound": f"expect: {OF_WEB}, bound_by: system:kube-scheduler, count: {{$ge: 1}}}}",
        "gone": "expect: {kind: Pod, name: old, namespace: '{{ space }}', absent: true}",
        "nowhere": "expect: {kind: Job, namespace: '{{ space }}', count: 0}",
        "several": f"expect: {OF_WEB}, count: 2}}\n"
        "expect: {kind: Pod, namespace: '{{ space }}', selector: app=web, count: 3}",
    }
    failing = {
        "differs": f"expect: {{{web}, matches: {{spec: {{replicas: 3, paused: true}}}}}}",
        "missing": "expect: {kind: Pod, name: old, namespace: '{{ space }}', matches: {a: 1}}",
        "empty": "expect: {kind: Job, namespace: '{{ space }}', every: {status: {active: 1}}}",
        "empty-none": "expect: {kind: Job, namespace: '{{ space }}', none: {status: {failed: 1}}}",
        "count": f"expect: {OF_WEB}, count: 3}}",
        "there": f"expect: {{{web}, absent: true}}",
        "by-hand": "expect: {kind: Pod, name: lookalike, namespace: '{{ space }}', "
        "bound_by: system:kube-scheduler}",
        "none": f"expect: {OF_WEB}, none: {{status: {{phase: Running}}}}}}",
        "any": f"expect: {OF_WEB}, any: {{spec: {{priority: 7}}}}}}",
        "both": f"expect: {{{web}, matches: {{spec: {{replicas: 3}}}}}}\n"
        "expect: {kind: Job, namespace: '{{ space }}', count: 1}",
        "replaced": f"expect: {{{web}, matches: {{metadata: {{uid: {{$baseline: other}}}}}}}}",
    }
    wrong = {
        "unrecorded": f"expect: {{{web}, matches: {{metadata: {{uid: {{$baseline: nothing}}}}}}}}",
        "unknown": f"expect: {{{web}, likes: 1}}",
        "unwritten": f"expect: {{{web}, matches: {{spec: {{replicas: '{{{{ three }}}}'}}}}}}",
    }

    results = judge(
        {**passing, **failing, **wrong},
        {"two": {"choice": [2]}},
        baseline={"web": {"uid": uid}, "other": "another"},
    )

    assert outcomes(results) == {
        **dict.fromkeys(passing, "passed"),
        **dict.fromkeys(failing, "failed"),
        **dict.fromkeys(wrong, "error"),
    }
    differs, both = results["differs"], results["both"]
    assert differs.message == f"The Deployment {shop}/web is not as it should be"
    assert differs.expected == "spec.replicas: 3\nspec.paused: true"
    assert differs.found == "spec.replicas: 2\nspec.paused: (absent)"
    assert results["missing"].message == f"There is no Pod {shop}/old"
    assert results["empty-none"].message == f"There is no Job in the namespace {shop}"
    assert both.message == (
        f"The Deployment {shop}/web is not as it should be; "
        f"The number of Job in the namespace {shop} is not right"
    )
    assert both.expected == "spec.replicas: 3\n1"
    assert results["by-hand"].found == "learner"
    assert results["replaced"].expected == "metadata.uid: (as at the start)"
    assert "did not record 'nothing'" in results["unrecorded"].message
    assert "'three' is not a parameter" in results["unwritten"].message
    assert {entry["kind"] for entry in differs.evidence} == {"Deployment"}


def test_the_authors_words_are_told_and_answers_are_not(
    judge: Callable[..., dict[str, CheckResult]],
) -> None:
    facts = "kind: ConfigMap, name: facts, namespace: '{{ space }}'"
    results = judge(
        {
            "hides": f"{{expect: {{{facts}, matches: {{data: {{model: '{{{{ model }}}}'}}}}}}, "
            "message: 'The model is not the one that {{ space }} needs.', hint: Look at the nodes}",
            "tells": f"{{expect: {{{facts}, matches: {{data: {{n: 3}}}}}}, "
            "message: 'It is {{ model }}'}",
        },
        {"model": {"choice": ["Kestrel"], "answer": True}},
    )

    hides = results["hides"]
    assert outcomes(results) == {"hides": "failed", "tells": "error"}
    assert hides.message.startswith("The model is not the one that lab-")
    assert (hides.expected, hides.found) == ("data.model: (not told)", "data.model: Wren")
    assert hides.hint == "Look at the nodes"
    assert "Kestrel" not in str(results)


def test_expressions_relate_objects_to_each_other(
    judge: Callable[..., dict[str, CheckResult]],
) -> None:
    def cel(expression: str, objects: str = "", more: str = "") -> str:
        about = objects or (
            "web: {kind: Deployment, name: web, namespace: '{{ space }}'}, "
            "pods: {kind: Pod, namespace: '{{ space }}', selector: app=web}"
        )
        return (
            f'{{cel: {{objects: {{{about}}}, expression: "{expression}"{more}}}, message: Not so}}'
        )

    jobs = "jobs: {kind: Job, namespace: '{{ space }}'}"
    passing = {
        "relates": cel("size(pods) == web.spec.replicas + params.more"),
        "absorbs": cel("!has(web.spec.nothing) || web.spec.nothing == 1"),
        "optional": cel("web.?spec.?nothing.orValue(7) == 7"),
        "empty": cel("jobs == []", jobs.removesuffix("}") + ", may_be_empty: true}"),
    }
    failing = {
        "not-true": cel("size(pods) == 2", more=", found: \"string(size(pods)) + ' Pods of 2'\""),
        "no-key": cel("web.spec.nothing == 1"),
        "no-object": cel("jobs.all(j, true)", jobs),
    }
    wrong = {
        "no-bool": cel("web.spec.replicas"),
        "types": cel("web.metadata.name + 1 == 2"),
        "syntax": cel("web.spec."),
        "too-much": cel("pods.all(p, params.many.all(a, params.many.all(b, a + b >= 0)))"),
    }

    results = judge(
        {**passing, **failing, **wrong},
        {"more": {"choice": [1]}, "many": {"permutation": list(range(200))}},
    )

    assert outcomes(results) == {
        **dict.fromkeys(passing, "passed"),
        **dict.fromkeys(failing, "failed"),
        **dict.fromkeys(wrong, "error"),
    }
    assert results["not-true"].found == "3 Pods of 2"
    assert results["no-key"].found == 'no key : "nothing"'
    assert results["no-object"].message == "Not so"
    assert "gives no bool" in results["no-bool"].message
    assert "Syntax error" in results["syntax"].message


def test_permissions_and_services_are_asked_about(
    judge: Callable[..., dict[str, CheckResult]], kubectl: Kubectl, shop: str
) -> None:
    at = f"--namespace={shop}"
    kubectl("create", "serviceaccount", "reader", at)
    kubectl("create", "role", "reader", "--verb=get", "--resource=pods", at)
    kubectl(
        "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={shop}:reader", at
    )
    kubectl("expose", "deployment", "web", "--port=80", at)
    reader = "namespace: '{{ space }}', service_account: '{{ space }}/reader'"

    results = judge(
        {
            "may": f"can_i: {{verb: get, resource: pods, {reader}, allowed: true}}",
            "may-not": f"can_i: {{verb: delete, resource: pods, {reader}, allowed: false}}",
            "ought": f"can_i: {{verb: delete, resource: pods, {reader}, allowed: true}}",
            "no-network": "http: {service: web, namespace: '{{ space }}', port: 80}",
            "no-service": "http: {service: db, namespace: '{{ space }}', port: 80}",
        }
    )

    assert outcomes(results) == {
        "may": "passed", "may-not": "passed", "ought": "failed",
        "no-network": "error", "no-service": "failed",
    }  # fmt: skip
    assert results["ought"].message == (
        f"The ServiceAccount {shop}/reader may not delete pods in the namespace {shop}"
    )
    assert "which has no network" in results["no-network"].message
    assert results["no-service"].message == f"There is no Service {shop}/db"


def test_declared_and_written_checks_stand_side_by_side(
    write_declared: WriteDeclared, make_job: MakeJob
) -> None:
    lab = write_declared(
        """
        apiVersion: assay.dev/v1
        kind: Check
        task: declared
        require: [{expect: {kind: Node, count: {$ge: 1}}}]
        ---
        apiVersion: assay.dev/v1
        kind: Check
        task: twice
        require: [{expect: {kind: Node, count: {$ge: 1}}}]
        """,
        "declared", "written", "twice", "lost",
        **{
            "test_written.py": """
                from graders import check

                @check("written")
                def test_written(cluster): assert cluster.list("Node")

                @check("twice")
                def test_twice(cluster): pass
                """,
            "broken.yaml": "task: {{ lost }}",
        },
    )  # fmt: skip

    declared, written, twice, lost = grade(make_job(lab)).results

    assert declared.outcome is written.outcome is Outcome.PASSED
    assert "several checks for the task twice: checks.yaml" in twice.message
    assert lost.outcome is Outcome.ERROR
    assert 'put templates in quotes: "{{ name }}"' in lost.message
