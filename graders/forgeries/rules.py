"""Rules: admission policies and webhooks as a cluster-admin makes them, and their taking effect."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from graders.forgeries.appearances import metadata
from graders.forgeries.connection import Answer, StepRefused, Who
from graders.forgeries.intruder import Intruder
from graders.forgeries.work import Document

ADMISSION = "admissionregistration.k8s.io/v1"
AS_GRADER = Who("assay:grader", ("system:masters",))
"""The API server judges impersonated requests as if the grader made them."""
BY_GRADER = "request.userInfo.username == 'assay:grader'"
BY_SCHEDULER = "request.userInfo.username == 'system:kube-scheduler'"
_EFFECT_SECONDS = 20.0
_SETTLE_SECONDS = 0.5
_POLICY_SECONDS = 1.5
"""An API server looks at its admission policies once a second (PolicyRefreshInterval of
k8s.io/apiserver/pkg/admission/plugin/policy/generic)."""


def resource_rules(*resources: str, operations: Sequence[str] = ("CREATE",)) -> list[Document]:
    """Return what a policy or webhook applies to, in any group."""
    everything = {"apiGroups": ["*"], "apiVersions": ["*"]}
    return [{**everything, "operations": list(operations), "resources": list(resources)}]


def refuse(intruder: Intruder, expression: str, rules: list[Document], why: str = "no") -> None:
    """Have the API server refuse what an expression is true of."""
    policy = _policy(intruder, "ValidatingAdmissionPolicy", rules)
    policy["spec"]["validations"] = [{"expression": f"!({expression})", "message": why}]
    _bind(intruder, policy, validationActions=["Deny"])


def rewrite(intruder: Intruder, expression: str, rules: list[Document], patch: str) -> None:
    """Have the API server rewrite what an expression is true of, on its way in.

    Args:
        intruder: who makes the rule.
        expression: when it applies.
        rules: what it applies to.
        patch: CEL that gives the operations of a JSON patch.
    """
    policy = _policy(intruder, "MutatingAdmissionPolicy", rules)
    policy["spec"] |= {
        "reinvocationPolicy": "Never",
        "matchConditions": [{"name": "when", "expression": expression}],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
    }
    _bind(intruder, policy)


def webhook(
    intruder: Intruder, kind: str, rules: list[Document], *, fails: str, seconds: int = 30
) -> None:
    """Put a webhook, at an address where nobody answers, in front of something.

    Args:
        intruder: who makes it; what the learner asks for is let through, so that it can be undone.
        kind: `ValidatingWebhookConfiguration` or `MutatingWebhookConfiguration`.
        rules: what it applies to.
        fails: `Fail` or `Ignore`, what happens when it does not answer.
        seconds: how long it may take.
    """
    name = f"{intruder.mark}.example.com"
    others = "request.userInfo.username != 'learner'"
    intruder.at_the_end(settle)
    intruder.create(
        {
            "apiVersion": ADMISSION,
            "kind": kind,
            "metadata": metadata(name),
            "webhooks": [
                {
                    "name": name,
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "failurePolicy": fails,
                    "timeoutSeconds": seconds,
                    "clientConfig": {"url": "https://127.0.0.1:1/answer"},
                    "rules": rules,
                    "matchConditions": [{"name": "others", "expression": others}],
                }
            ],
        }
    )


def await_refusal(intruder: Intruder, document: Document, who: Who = AS_GRADER) -> None:
    """Wait until the API server refuses to create something.

    Raises:
        StepRefused: it goes on accepting it.
    """
    _await(lambda: not _try(intruder, document, who).succeeded, "the rule has no effect")


def await_rewrite(intruder: Intruder, document: Document, who: Who = AS_GRADER) -> None:
    """Wait until the API server changes, or refuses, what somebody creates.

    Raises:
        StepRefused: it goes on taking it as it is.
    """
    before = _essence(_try(intruder, document, Who("system:nobody", ("system:masters",))))
    _await(lambda: _essence(_try(intruder, document, who)) != before, "the rule has no effect")


def plain_pod(namespace: str = "default") -> Document:
    """Return a Pod that nobody has a reason to refuse."""
    container = {"name": "main", "image": "registry.k8s.io/pause:3.10"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata("trial", namespace),
        "spec": {"containers": [container]},
    }


def settle() -> None:
    """Wait for a rule whose effect cannot be seen from outside."""
    time.sleep(_SETTLE_SECONDS)


def _policy(intruder: Intruder, kind: str, rules: list[Document]) -> Document:
    constraints = {"resourceRules": rules}
    return {
        "apiVersion": ADMISSION,
        "kind": kind,
        "metadata": metadata(f"mine-{intruder.mark}"),
        "spec": {"failurePolicy": "Fail", "matchConstraints": constraints},
    }


def _bind(intruder: Intruder, policy: Document, **spec: Any) -> None:
    name = policy["metadata"]["name"]
    # It stays in effect for a moment after it is gone.
    intruder.at_the_end(lambda: time.sleep(_POLICY_SECONDS))
    intruder.create(policy)
    intruder.create(
        {
            "apiVersion": ADMISSION,
            "kind": f"{policy['kind']}Binding",
            "metadata": metadata(name),
            "spec": {"policyName": name, **spec},
        }
    )


def _try(intruder: Intruder, document: Document, who: Who) -> Answer:
    path = intruder.type_of(document).path(document["metadata"].get("namespace"))
    return intruder.ask("POST", path, document, who=who, query={"dryRun": "All"})


def _essence(answer: Answer) -> object:
    """Return what is the same each time that the same is created and nobody meddles."""
    if not answer.succeeded:
        return answer.code
    written = answer.document["metadata"]
    kept = {k: written.get(k) for k in ("labels", "annotations", "finalizers", "ownerReferences")}
    spec = {k: v for k, v in answer.document.get("spec", {}).items() if k != "volumes"}
    containers = [
        {k: v for k, v in one.items() if k != "volumeMounts"} for one in spec.get("containers", ())
    ]
    return kept, {**spec, "containers": containers}


def _await(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _EFFECT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise StepRefused(otherwise)
        time.sleep(0.05)
