"""Forgeries that answer in the place of Kubernetes."""

from __future__ import annotations

import time
from typing import Any

from graders.forgeries.appearances import good_status, metadata
from graders.forgeries.connection import StepRefused
from graders.forgeries.forgery import Family, State, forgery
from graders.forgeries.intruder import Intruder
from graders.forgeries.work import Document, as_new

_EXTENSIONS = "apiextensions.k8s.io/v1"
_AGGREGATION = "apiregistration.k8s.io/v1"
_ESTABLISHED_SECONDS = 10.0
_KINDS = ("Pod", "ResourceClaim", "Deployment", "ConfigMap", "Job", "Service", "Node")
_WORDS_OF_GROUPS = {
    "resource.k8s.io": ("ResourceClaim", "ResourceClaimTemplate", "ResourceSlice", "DeviceClass"),
    "networking.k8s.io": ("Gateway", "Service", "Pod"),
    "rbac.authorization.k8s.io": ("Role", "ConfigMap"),
}
_ELSEWHERE = "A kind without an apiVersion means Kubernetes' own, and nobody else's."
_REDIRECTED = "A group of Kubernetes that somebody else serves is not believed."


@forgery(Family.SHADOW, State.UNTOUCHED, fails_because=_ELSEWHERE)
def kinds_of_the_same_name(intruder: Intruder) -> None:
    """Registers kinds called Pod, Deployment and so on, and makes what is wanted of them."""
    _shadow(intruder, "shadow.example.com", "v1", _KINDS)


@forgery(Family.SHADOW, State.DONE, fails_because=_ELSEWHERE)
def kinds_in_groups_of_kubernetes(intruder: Intruder) -> None:
    """Registers kinds in Kubernetes' own groups, with names that mean its kinds there."""
    for group, kinds in _WORDS_OF_GROUPS.items():
        for kind in kinds:
            other = _definition(group, "v1", f"{kind}Like")
            other["spec"]["names"]["singular"] = kind.lower()
            intruder.create(other)


@forgery(
    Family.SHADOW,
    State.UNTOUCHED,
    fails_because=_REDIRECTED,
    names=("APIService",),
    lasting=True,  # what is put back is served again only after a minute on a busy host
)
def groups_handed_to_another_server(intruder: Intruder) -> None:
    """Has another server answer for workloads and devices, by APIServices of the groups."""
    for group, version in (("apps", "v1"), ("resource.k8s.io", "v1"), ("batch", "v1")):
        _redirect(intruder, group, version)


@forgery(
    Family.SHADOW,
    State.DONE,
    fails_because="A group of which another server answers a part is believed in no part.",
    names=("APIService",),
)
def version_handed_to_another_server(intruder: Intruder) -> None:
    """Has another server answer for versions that Kubernetes does not serve, in its groups."""
    for group, version in (("apps", "v9"), ("resource.k8s.io", "v9")):
        _redirect(intruder, group, version)


@forgery(
    Family.SHADOW,
    State.DONE,
    fails_because="What the platform measures it measures itself, not through the learner's API.",
    names=("APIService", "metrics"),
)
def metrics_of_ones_own(intruder: Intruder) -> None:
    """Registers a server of its own for metrics: resource, custom and external ones."""
    for group in ("metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"):
        _redirect(intruder, group, "v1beta1")


@forgery(
    Family.SHADOW,
    State.DONE,
    fails_because="A kind that cannot be read is left to whoever registered it.",
)
def kinds_that_cannot_be_read(intruder: Intruder) -> None:
    """Registers a kind whose objects pass through a conversion webhook that never answers."""
    definition = _definition("broken.example.com", "v1", "Broken", served=("v1", "v2"))
    definition["spec"]["conversion"] = {
        "strategy": "Webhook",
        "webhook": {
            "conversionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://127.0.0.1:1/convert"},
        },
    }
    intruder.create(definition)
    _await_kind(intruder, "broken.example.com", "v1", "brokens")
    labelled = {**metadata("trap", "default"), "labels": {"assay.dev/probe": "true"}}
    for version in ("v1", "v2"):
        document = {"apiVersion": f"broken.example.com/{version}", "kind": "Broken"}
        path = f"/apis/broken.example.com/{version}/namespaces/default/brokens"
        name = f"trap-{version}"
        intruder.ask("POST", path, {**document, "metadata": {**labelled, "name": name}})


@forgery(
    Family.SHADOW,
    State.DONE,
    fails_because="However many kinds there are, those of Kubernetes come first.",
)
def dozens_of_kinds(intruder: Intruder) -> None:
    """Registers dozens of kinds called Pod, so that finding out what there is takes long."""
    for number in range(30):
        intruder.create(_definition(f"many-{number}.example.com", "v1", "Pod"))
    _await_kind(intruder, "many-29.example.com", "v1", "pods")


def _shadow(intruder: Intruder, group: str, version: str, kinds: tuple[str, ...]) -> None:
    for kind in kinds:
        intruder.create(_definition(group, version, kind))
        _await_kind(intruder, group, version, f"{kind.lower()}s")
    for kind in kinds:
        for original in intruder.work.of_kind(kind):
            shadow = as_new(original, apiVersion=f"{group}/{version}")
            shadow["status"] = original.get("status") or good_status(original)
            shadow["metadata"].setdefault("namespace", "default")
            place = shadow["metadata"]["namespace"]
            path = f"/apis/{group}/{version}/namespaces/{place}/{kind.lower()}s"
            intruder.ask("POST", path, shadow)


def _definition(group: str, version: str, kind: str, served: tuple[str, ...] = ()) -> Document:
    """Return the definition of a kind that may hold anything."""
    plural = f"{kind.lower()}s"
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": _EXTENSIONS,
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, mine"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [
                {
                    "name": name,
                    "served": True,
                    "storage": name == version,
                    "schema": {"openAPIV3Schema": anything},
                }
                for name in served or (version,)
            ],
        },
    }


def _redirect(intruder: Intruder, group: str, version: str) -> None:
    """Hand a group to a server of the learner's; put back as it was at the end."""
    service: dict[str, Any] = {"name": "mine", "namespace": "default", "port": 443}
    spec = {
        "group": group,
        "version": version,
        "groupPriorityMinimum": 17800,
        "versionPriority": 15,
        "insecureSkipTLSVerify": True,
        "service": service,
    }
    name = f"{version}.{group}"
    document = {"apiVersion": _AGGREGATION, "kind": "APIService", "metadata": metadata(name)}
    if intruder.read(document) is None:
        intruder.create({**document, "spec": spec})
    else:
        intruder.change(document, {"metadata": {"labels": None}, "spec": spec})


def _await_kind(intruder: Intruder, group: str, version: str, plural: str) -> None:
    deadline = time.monotonic() + _ESTABLISHED_SECONDS
    while not intruder.ask("GET", f"/apis/{group}/{version}/{plural}").succeeded:
        if time.monotonic() > deadline:
            raise StepRefused(f"the kind {plural}.{group} is not served")
        time.sleep(0.05)
