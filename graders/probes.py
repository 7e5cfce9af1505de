"""Probes: objects that the grader makes to see how the cluster behaves, and always removes.

A probe has a random name, so that no answer to it can be prepared, and the label
`assay.dev/probe`, so that whoever grades next finds what a killed grader left behind.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from graders import clock
from graders.api import USER_AGENT, ApiServer, Refusal
from graders.discovery import OWN_GROUPS, Discovery, ResourceType
from graders.errors import GradingError, ProbeRefused
from graders.fidelity import changes
from graders.waiting import wait_until

LABEL = "assay.dev/probe"
"""Label of every probe; its value means nothing."""
CLEANUP_SECONDS = 5.0
"""How long a removed probe may take to be gone, with the claims that were made for it."""
_NAME_LENGTH = 12
_NO_PLACE = 404
_REFUSERS = (
    (re.compile(r"ValidatingAdmissionPolicy '([^']+)'"), "ValidatingAdmissionPolicy {}"),
    (re.compile(r"^policy '([^']+)' with binding"), "MutatingAdmissionPolicy {}"),
    (re.compile(r'admission webhook "([^"]+)" denied'), "admission webhook {}"),
    (re.compile(r'failed calling webhook "([^"]+)"'), "admission webhook {}"),
    (re.compile(r"exceeded quota: ([^,\s]+)"), "ResourceQuota {}"),
    (re.compile(r'violates PodSecurity "([^"]+)"'), "Pod Security level {}"),
)


@dataclass(frozen=True)
class DryRun:
    """What the API server would do with a manifest."""

    accepted: bool
    reason: str = ""
    """The server's own words where it refuses."""
    refused_by: str = ""
    """The policy, webhook or quota that refuses, as far as the server names it."""


def random_name() -> str:
    """Return a name that nobody can guess: letters only, valid for every kind."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(_NAME_LENGTH))


def refuser(message: str) -> str:
    """Return who refused, out of the API server's message; empty where it names nobody."""
    for pattern, words in _REFUSERS:
        if match := pattern.search(message):
            return words.format(match[1])
    return ""


def as_probe(manifest: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a manifest under another name and with the label of probes."""
    metadata = manifest.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), LABEL: "true"}
    return {**manifest, "metadata": {**metadata, "name": name, "labels": labels}}


@dataclass(frozen=True)
class ProbeObject:
    """One object that the grader made."""

    type: ResourceType
    document: dict[str, Any]
    """As the API server answered when it was made."""

    @property
    def uid(self) -> str:
        """Identity of the object."""
        return str(self.document["metadata"]["uid"])

    @property
    def path(self) -> str:
        """URL path of the object."""
        metadata = self.document["metadata"]
        return self.type.path(metadata.get("namespace"), metadata["name"])

    def __str__(self) -> str:
        """Return kind, namespace and name for people."""
        metadata = self.document["metadata"]
        place = "/".join(p for p in (metadata.get("namespace"), metadata["name"]) if p)
        return f"{self.type.kind} {place}"


def dry_run(api: ApiServer, type_: ResourceType, probe: Mapping[str, Any]) -> DryRun:
    """Ask what the API server would do with an object.

    Raises:
        Refusal: there is no place for it (404).
        GradingError: the server could not be asked.
    """
    path = type_.path(probe["metadata"].get("namespace"))
    try:
        api.post(path, probe, {"dryRun": "All", "fieldValidation": "Strict"})
    except Refusal as refusal:
        if refusal.code == _NO_PLACE:
            raise
        return DryRun(False, refusal.message, refuser(refusal.message))
    return DryRun(True)


def make(api: ApiServer, type_: ResourceType, manifest: Mapping[str, Any]) -> ProbeObject:
    """Create one probe.

    Raises:
        ProbeRefused: the cluster refused it, or changed what the manifest says.
        GradingError: the server could not be asked.
    """
    path = type_.path(manifest["metadata"].get("namespace"))
    try:
        document = api.post(path, manifest, {"fieldValidation": "Strict"})
    except Refusal as refusal:
        raise ProbeRefused(_say_refused(type_, refusal)) from refusal
    made = ProbeObject(type_, {"kind": type_.kind, "apiVersion": type_.api_version, **document})
    if changed := changes(manifest, made.document):
        with suppress(GradingError):  # it may be held; that it was changed says more
            remove(api, [made])
        raise ProbeRefused(
            f"Something in the cluster changed the probe {type_.kind} on its way in: "
            f"{', '.join(changed[:5])}{_changer(made)}"
        )
    return made


def _changer(probe: ProbeObject) -> str:
    """Return who changed a probe, where it leaves its mark."""
    marks = probe.document["metadata"].get("annotations") or {}
    said = marks.get("kubernetes.io/limit-ranger", "")
    return f" (a LimitRange: {said})" if said else ""


def _say_refused(type_: ResourceType, refusal: Refusal) -> str:
    who = refuser(refusal.message) or "the API server"
    return f"The probe {type_.kind} was refused by {who}: {refusal.message[:300]}"


def remove(api: ApiServer, probes: Sequence[ProbeObject]) -> None:
    """Remove probes and wait until they, and the claims made for them, are gone.

    Raises:
        GradingError: one does not go, or the server could not be asked.
    """
    for probe in reversed(probes):
        _delete(api, probe)
    deadline = clock.now() + CLEANUP_SECONDS
    for probe in probes:
        _await_end(api, probe, deadline)


def _delete(api: ApiServer, probe: ProbeObject) -> None:
    policy = "Background" if probe.type.kind == "Pod" else "Foreground"
    options = {
        "gracePeriodSeconds": 0,
        "propagationPolicy": policy,
        "preconditions": {"uid": probe.uid},
    }
    try:
        api.delete(probe.path, options)
    except Refusal as refusal:
        if refusal.code not in (404, 409):  # gone, or another object of this name by now
            who = refuser(refusal.message) or "the API server"
            raise ProbeRefused(
                f"The removal of the probe {probe} was refused by {who}: {refusal.message[:300]}"
            ) from refusal


def _await_end(api: ApiServer, probe: ProbeObject, deadline: float) -> None:
    pause = 0.02
    while not _is_gone(api, probe):
        if clock.now() > deadline:
            raise GradingError(
                f"The probe {probe} did not go within {CLEANUP_SECONDS:.0f} s; a finalizer holds it"
            )
        clock.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def _is_gone(api: ApiServer, probe: ProbeObject) -> bool:
    return read(api, probe) is None and not _claims_of(api, probe)


def read(api: ApiServer, probe: ProbeObject) -> dict[str, Any] | None:
    """Return the probe as it is now; None when it, or rather that very object, is gone.

    Raises:
        GradingError: the server could not be asked.
    """
    try:
        found = api.get(probe.path)
    except Refusal as refusal:
        if refusal.code != 404:
            raise
        return None
    return found if found["metadata"]["uid"] == probe.uid else None


def _claims_of(api: ApiServer, probe: ProbeObject) -> list[str]:
    """Return the claims that were made for a probe Pod; they hold devices until they are gone."""
    spec = probe.document.get("spec") or {}
    if probe.type.kind != "Pod" or not spec.get("resourceClaims"):
        return []
    namespace = probe.document["metadata"]["namespace"]
    claims, _ = api.items(f"/apis/resource.k8s.io/v1/namespaces/{namespace}/resourceclaims")
    return [
        claim["metadata"]["name"]
        for claim in claims
        for owner in claim["metadata"].get("ownerReferences", ())
        if owner.get("uid") == probe.uid
    ]


def sweep(api: ApiServer, discovery: Discovery) -> list[str]:
    """Remove every probe in the cluster: a grader that was killed left them. Return their names.

    Only one grading of a cluster may run at a time.

    Raises:
        GradingError: one does not go, or the server could not be asked.
    """
    types = [type_ for type_ in discovery.types(api) if _can_be_a_probe(type_)]
    left = [probe for type_ in types for probe in _left_behind(api, type_)]
    remove(api, left)
    return [str(probe) for probe in left]


def _can_be_a_probe(type_: ResourceType) -> bool:
    own_version = OWN_GROUPS.get(type_.group, type_.version)
    return own_version == type_.version and {"create", "delete", "list"} <= type_.verbs


def _left_behind(api: ApiServer, type_: ResourceType) -> Iterator[ProbeObject]:
    try:
        items, _ = api.items(type_.path(), {"labelSelector": LABEL})
    except GradingError:
        if type_.group in OWN_GROUPS:
            raise
        return  # a kind of the learner's that does not work is theirs to repair
    for item in items:
        if made_by_a_grader(item):
            kind = {"kind": type_.kind, "apiVersion": type_.api_version}
            yield ProbeObject(type_, {**kind, **item})


def made_by_a_grader(item: Mapping[str, Any]) -> bool:
    """Whether it was made here; a learner may have copied a probe with its label."""
    managers = item["metadata"].get("managedFields", ())
    return any(entry.get("manager") == USER_AGENT for entry in managers)


class Probe:
    """The objects of one `create_probe`, while the check looks at them."""

    def __init__(self, api: ApiServer, objects: Sequence[ProbeObject]) -> None:
        self._api = api
        self._objects = tuple(objects)

    @property
    def name(self) -> str:
        """Name of the first object."""
        return str(self.documents[0]["metadata"]["name"])

    @property
    def documents(self) -> tuple[dict[str, Any], ...]:
        """The objects as the API server answered when they were made."""
        return tuple(probe.document for probe in self._objects)

    def read(self, index: int = 0) -> dict[str, Any]:
        """Return one of the objects as it is now.

        Args:
            index: its place among the manifests.

        Raises:
            ProbeRefused: somebody removed it; where that is the point, use `ClusterView.find`.
        """
        probe = self._objects[index]
        document = read(self._api, probe)
        if document is None:
            raise ProbeRefused(f"The probe {probe} was removed while the check looked at it")
        return document

    def wait_until(
        self,
        predicate: Callable[[dict[str, Any]], object],
        seconds: float,
        message: str,
        *,
        index: int = 0,
        expected: object = "",
        found: Callable[[dict[str, Any]], object] | None = None,
        hint: str = "",
    ) -> dict[str, Any]:
        """Read one of the objects until `predicate(object)` is true, and return it.

        Args:
            predicate: asked about the object as it is now.
            seconds: how long to wait.
            message: one sentence for the learner when it did not become true.
            index: place of the object among the manifests.
            expected: what should have become true.
            found: says what is there instead, of the object as it is then.
            hint: where to look.

        Raises:
            CheckFailed: it did not become true in time.
            ProbeRefused: somebody removed the object.
        """

        def look() -> dict[str, Any] | None:
            document = self.read(index)
            return document if predicate(document) else None

        document = wait_until(
            look,
            seconds,
            message,
            expected=expected,
            found=None if found is None else lambda: found(self.read(index)),
            hint=hint,
        )
        assert document is not None
        return document
