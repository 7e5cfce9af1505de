"""Forgeries that refuse or rewrite what others ask for, on its way into the cluster."""

from __future__ import annotations

from graders.forgeries.appearances import metadata
from graders.forgeries.forgery import Family, State, forgery
from graders.forgeries.intruder import Intruder
from graders.forgeries.rules import (
    BY_GRADER,
    BY_SCHEDULER,
    await_refusal,
    await_rewrite,
    plain_pod,
    refuse,
    resource_rules,
    rewrite,
    settle,
    webhook,
)

_ALWAYS = ("CREATE", "UPDATE")
_PROBED = ("pods", "resourceclaims", "nodes", "resourceslices", "services", "jobs", "deployments")
_NAMED = "A probe that is refused makes an error, and the error names who refused it."
_CHANGED = "What comes back is compared with what was asked for, field by field."


@forgery(
    Family.ADMISSION, State.DONE, fails_because=_NAMED, names=("ValidatingAdmissionPolicy mine",)
)
def probes_refused(intruder: Intruder) -> None:
    """Refuses whatever the grader wants to create, by a policy that knows its user name."""
    refuse(intruder, BY_GRADER, resource_rules("*"))
    await_refusal(intruder, plain_pod())


@forgery(
    Family.ADMISSION, State.DONE, fails_because=_NAMED, names=("ValidatingAdmissionPolicy mine",)
)
def objects_called_probes_refused(intruder: Intruder) -> None:
    """Refuses whatever carries the label of probes, whoever creates it."""
    labelled = "has(object.metadata.labels) && 'assay.dev/probe' in object.metadata.labels"
    refuse(intruder, labelled, resource_rules("*"))
    pod = plain_pod()
    pod["metadata"]["labels"] = {"assay.dev/probe": "true"}
    await_refusal(intruder, pod)


@forgery(Family.ADMISSION, State.DONE, fails_because=_NAMED, names=("admission webhook",))
def webhook_before_everything(intruder: Intruder) -> None:
    """Puts a webhook that never answers in front of everything that others create."""
    webhook(intruder, "ValidatingWebhookConfiguration", resource_rules("*"), fails="Fail")
    await_refusal(intruder, plain_pod())


@forgery(Family.ADMISSION, State.DONE, fails_because=_NAMED, names=("admission webhook",))
def webhook_that_would_rewrite(intruder: Intruder) -> None:
    """Puts a webhook that rewrites in front of everything that a probe is made of."""
    rules = resource_rules(*_PROBED, operations=_ALWAYS)
    webhook(intruder, "MutatingWebhookConfiguration", rules, fails="Fail")
    await_refusal(intruder, plain_pod())


@forgery(
    Family.ADMISSION,
    State.DONE,
    fails_because="A request may take as long as the API allows, and the check its whole time.",
    names=("did not end within", "no answer within"),
)
def slow_webhooks(intruder: Intruder) -> None:
    """Puts a webhook that may take half a minute, and then is ignored, in front of everything."""
    webhook(intruder, "ValidatingWebhookConfiguration", resource_rules("*"), fails="Ignore")
    settle()


@forgery(Family.ADMISSION, State.DONE, fails_because=_CHANGED, names=("changed the probe",))
def probes_rewritten(intruder: Intruder) -> None:
    """Gives every object of the grader another name for what runs it: scheduler and priority."""
    patch = "[JSONPatch{op: 'replace', path: '/spec/schedulerName', value: 'nobody'}]"
    rewrite(intruder, BY_GRADER, resource_rules("pods"), patch)
    await_rewrite(intruder, plain_pod())


@forgery(Family.ADMISSION, State.DONE, fails_because=_CHANGED, names=("changed the probe",))
def probes_sent_elsewhere(intruder: Intruder) -> None:
    """Adds a node selector to the grader's Pods, so that they land, or wait, where it says."""
    value = "{'example.com/mine': 'yes'}"
    patch = f"[JSONPatch{{op: 'add', path: '/spec/nodeSelector', value: {value}}}]"
    rewrite(intruder, BY_GRADER, resource_rules("pods"), patch)
    await_rewrite(intruder, plain_pod())


@forgery(Family.ADMISSION, State.DONE, fails_because=_CHANGED, names=("changed the probe",))
def probes_asking_for_more(intruder: Intruder) -> None:
    """Adds resource requests, which no node can meet, to every container of the grader's Pods."""
    patch = (
        "[JSONPatch{op: 'add', path: '/spec/containers/0/resources/requests',"
        " value: {'cpu': '4000'}}]"
    )
    rewrite(intruder, BY_GRADER, resource_rules("pods"), patch)
    await_rewrite(intruder, plain_pod())


@forgery(
    Family.ADMISSION,
    State.DONE,
    fails_because=_CHANGED,
    names=("changed the probe", "finalizer"),
)
def probes_that_never_go(intruder: Intruder) -> None:
    """Gives every object of the grader a finalizer, so that none of them can be removed."""
    intruder.at_the_end(lambda: _release_probes(intruder))
    _add_metadata(intruder, "finalizers", "['example.com/stay']")


@forgery(Family.ADMISSION, State.DONE, fails_because=_CHANGED, names=("changed the probe",))
def probes_owned_by_nothing(intruder: Intruder) -> None:
    """Gives every object of the grader an owner that is gone, so that it is collected at once."""
    nobody = "00000000-0000-0000-0000-000000000000"
    owner = f"{{'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'gone', 'uid': '{nobody}'}}"
    _add_metadata(intruder, "ownerReferences", f"[{owner}]")


@forgery(Family.ADMISSION, State.DONE, fails_because=_NAMED, names=("ValidatingAdmissionPolicy",))
def removal_of_probes_refused(intruder: Intruder) -> None:
    """Refuses that the grader deletes anything, so that its probes stay and use things up."""
    rules = resource_rules("*", operations=("DELETE",))
    intruder.at_the_end(lambda: _release_probes(intruder))
    refuse(intruder, BY_GRADER, rules)
    settle()


@forgery(Family.ADMISSION, State.DONE, fails_because=_NAMED, names=("admission webhook",))
def reviews_refused(intruder: Intruder) -> None:
    """Puts a webhook in front of the questions who may do what, and whose a token is."""
    reviews = ("subjectaccessreviews", "localsubjectaccessreviews", "tokenreviews")
    webhook(intruder, "ValidatingWebhookConfiguration", resource_rules(*reviews), fails="Fail")
    settle()


@forgery(
    Family.ADMISSION,
    State.FLAWED,
    fails_because="The grader's own claims come back changed, which is noticed.",
    names=("changed the probe", "MutatingAdmissionPolicy mine"),
)
def claims_made_right(intruder: Intruder) -> None:
    """Adds the selectors of a passed attempt to every claim, whatever its template says."""
    selectors = [
        one
        for template in intruder.work.of_kind("ResourceClaimTemplate")
        for request in template["spec"]["spec"]["devices"]["requests"]
        for one in (request.get("exactly") or {}).get("selectors") or ()
    ]
    rule = " && ".join(f"({one['cel']['expression']})" for one in selectors) or "true"
    cel = "Object.spec.devices.requests.exactly.selectors"
    value = f"[{cel}{{cel: {cel}.cel{{expression: {rule!r}}}}}]"
    path = "/spec/devices/requests/0/exactly/selectors"
    patch = f"[JSONPatch{{op: 'add', path: '{path}', value: {value}}}]"
    rewrite(intruder, "true", resource_rules("resourceclaims"), patch)
    settle()


@forgery(
    Family.ADMISSION,
    State.FLAWED,
    fails_because="The log holds what the scheduler wrote beside what the API server kept.",
    names=("changed the probe", "scheduler"),
)
def scheduler_misquoted(intruder: Intruder) -> None:
    """Rewrites which devices the scheduler chose, while it writes them."""
    better = _devices_of_passed_work(intruder)
    path = "/status/allocation/devices/results/0/device"
    patch = f"[JSONPatch{{op: 'replace', path: '{path}', value: '{better}'}}]"
    rules = resource_rules("resourceclaims/status", operations=("UPDATE",))
    rewrite(intruder, f"{BY_SCHEDULER} && has(object.status.allocation)", rules, patch)
    settle()


@forgery(
    Family.ADMISSION,
    State.DONE,
    fails_because="A scheduler that cannot write decides nothing, and the error says whose fault.",
    names=("ValidatingAdmissionPolicy mine",),
)
def scheduler_refused(intruder: Intruder) -> None:
    """Refuses whatever the scheduler writes, so that nothing is placed any more."""
    rules = resource_rules("pods/binding", "pods/status", "resourceclaims/status", "bindings")
    for rule in rules:
        rule["operations"] = list(_ALWAYS)
    refuse(intruder, BY_SCHEDULER, rules)
    settle()


@forgery(Family.ADMISSION, State.DONE, fails_because=_NAMED, names=("Pod Security",))
def pods_held_to_a_standard(intruder: Intruder) -> None:
    """Enforces the restricted Pod Security level wherever the grader might put a Pod."""
    for name in intruder.namespaces():
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata(name)}
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        intruder.change(namespace, {"metadata": {"labels": labels}})
    await_refusal(intruder, plain_pod())


def _add_metadata(intruder: Intruder, field: str, value: str) -> None:
    patch = f"[JSONPatch{{op: 'add', path: '/metadata/{field}', value: {value}}}]"
    rewrite(intruder, BY_GRADER, resource_rules(*_PROBED), patch)
    await_rewrite(intruder, plain_pod())


def _devices_of_passed_work(intruder: Intruder) -> str:
    """Return the name of a device that somebody who passed was given."""
    for claim in intruder.work.of_kind("ResourceClaim"):
        devices = ((claim.get("status") or {}).get("allocation") or {}).get("devices") or {}
        for result in devices.get("results") or ():
            return str(result["device"])
    return "device-0"


def _release_probes(intruder: Intruder) -> None:
    """Remove what the grader had to leave."""
    for type_ in intruder.types():
        if {"list", "delete", "patch"} <= type_.verbs:
            found = intruder.ask("GET", type_.path(), query={"labelSelector": "assay.dev/probe"})
            for item in found.document.get("items") or ():
                named = {"apiVersion": type_.api_version, "kind": type_.kind, **item}
                intruder.remove(named)
