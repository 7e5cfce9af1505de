"""ClusterView: what a check sees of a cluster, from outside and with the grader's credential.

It reads, asks and makes probes; it never changes what the learner made. Everything it looks at is
noted as evidence. A missing object is the learner's (`Missing`, so the task is `failed`); a server
that does not answer is ours (`GradingError`, so the task is `error`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from graders import probes, provenance, services, waiting
from graders.api import ApiServer, Fetched, Refusal
from graders.audit import AuditEvent, AuditLog, AuditQuery, EventLog, OpenLog
from graders.checks import CheckFailed
from graders.discovery import Discovery, ResourceType, is_a_name
from graders.errors import AuditIncomplete, ProbeRefused, RequestInvalid
from graders.evidence import Evidence
from graders.probes import DryRun, Probe, ProbeObject
from graders.subject import REVIEWS, Question, review_of, subject_of
from graders.witness import NoWitness, Witness

T = TypeVar("T")
AuditEvents: TypeAlias = list[AuditEvent]


class Missing(CheckFailed):
    """The cluster lacks an object, or a kind, that the task asks for."""


class ClusterView:
    """One cluster, as a check sees it.

    Args:
        api: the API server, with the grader's credential.
        audit_log: the API server's audit log, or what opens it, where the cluster has one.
        discovery: shared by the views of one cluster, so that kinds are asked for once.
        witness: is there when the check learns what no request to the API server says.
    """

    def __init__(
        self,
        api: ApiServer,
        audit_log: Path | OpenLog | EventLog | None = None,
        discovery: Discovery | None = None,
        witness: Witness | None = None,
    ) -> None:
        self._api = api
        self._audit_log = _event_log(audit_log)
        self._discovery = discovery or Discovery()
        self._witness = witness or NoWitness()
        self._drawn: set[str] = set()
        self._uid = ""
        self._log_is_whole = False
        self.evidence = Evidence()

    @property
    def uid(self) -> str:
        """Identity of the cluster: the uid of its namespace kube-system."""
        if not self._uid:
            self._uid = str(self.get("Namespace", "kube-system")["metadata"]["uid"])
        return self._uid

    def get(
        self, kind: str, name: str, namespace: str | None = None, api_version: str | None = None
    ) -> dict[str, Any]:
        """Return an object as the API server shows it.

        Args:
            kind: as in a manifest; a plural or lower case does too.
            name: name of the object.
            namespace: for kinds that live in one.
            api_version: as in a manifest; needed for kinds that several groups have.

        Raises:
            Missing: there is no such object, or no such kind.
            GradingError: the server could not be asked, or somebody removed a probe.
        """
        found = self.find(kind, name, namespace, api_version)
        if found is None:
            place = f"{namespace}/{name}" if namespace else name
            where = f" --namespace {namespace}" if namespace else ""
            if name in self._drawn:  # nobody else knows the name
                raise ProbeRefused(f"Somebody removed the probe {kind} {place} under the check")
            raise Missing(
                f"There is no {kind} {place}",
                expected=f"{kind} {name}",
                found="nothing of that name",
                hint=f"kubectl get {kind.lower()}{where} shows what there is.",
            )
        return found

    def find(
        self, kind: str, name: str, namespace: str | None = None, api_version: str | None = None
    ) -> dict[str, Any] | None:
        """Return an object, or None where there is none; otherwise like `get`.

        Raises:
            Missing: this cluster has no such kind.
            GradingError: the server could not be asked.
        """
        type_ = self._type(kind, api_version)
        try:
            found = self._api.get(type_.path(namespace, name)) if is_a_name(name) else None
        except Refusal as refusal:
            if refusal.code != 404:
                raise
            found = None
        if found is None:
            self.evidence.add_missing(type_.kind, namespace, name)
            return None
        return self._noted(type_, found)

    def list(
        self,
        kind: str,
        namespace: str | None = None,
        label_selector: str | None = None,
        api_version: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return the objects of a kind, in every namespace where none is given.

        Args:
            kind: as in a manifest; a plural or lower case does too.
            namespace: only those in it.
            label_selector: only those it selects, for example `app=web,tier!=test`.
            api_version: as in a manifest; needed for kinds that several groups have.

        Raises:
            Missing: this cluster has no such kind.
            GradingError: the server could not be asked.
        """
        type_ = self._type(kind, api_version)
        query = {"labelSelector": label_selector} if label_selector else {}
        try:
            items, version = self._api.items(type_.path(namespace), query)
        except Refusal as refusal:
            if refusal.code != 404:
                raise
            items, version = [], ""
        self.evidence.add_list(type_.kind, namespace, len(items), version)
        return [self._noted(type_, item) for item in items]

    def plural_of(self, kind: str, api_version: str | None = None) -> str:
        """Return what the API server and its audit log call a kind, for example `pods`.

        Raises:
            Missing: this cluster has no such kind.
            GradingError: the server could not be asked.
        """
        return self._type(kind, api_version).plural

    def wait_until(
        self,
        predicate: Callable[[], T],
        seconds: float,
        message: str,
        *,
        expected: object = "",
        found: Callable[[], object] | None = None,
        hint: str = "",
    ) -> T:
        """Look until `predicate()` returns something true, and return that.

        A predicate that says no by an AssertionError, such as `Missing`, is asked again. It is
        asked once more when the time is over.

        Args:
            predicate: asked again and again.
            seconds: how long; keep it below the `seconds` of the task.
            message: one sentence for the learner when it did not become true.
            expected: what should have become true.
            found: asked for what is there instead, once the time is over.
            hint: where to look.

        Raises:
            CheckFailed: it did not become true in time.
            GradingError: the server could not be asked.
        """
        return waiting.wait_until(
            predicate, seconds, message, expected=expected, found=found, hint=hint
        )

    def random_name(self) -> str:
        """Draw a name for a probe, where one manifest of it must name another."""
        name = self._witness.draw_name()
        self._drawn.add(name)
        return name

    @contextmanager
    def create_probe(self, *manifests: Mapping[str, Any]) -> Iterator[Probe]:
        """Make objects for as long as the `with` block runs; see how the cluster treats them.

        They get random names and the label `assay.dev/probe`, and are removed in any case, in
        reverse order, with the claims that were made for them.

        Args:
            manifests: with apiVersion, kind and namespace, and without a name or with one that
                `random_name` drew.

        Raises:
            ProbeRefused: something in the cluster (a policy, a webhook, a quota) refused or
                changed one of them.
            GradingError: one could not be removed, or the server could not be asked.
        """
        made: list[ProbeObject] = []
        try:
            for manifest in manifests:
                type_ = self._type_of(manifest)
                made.append(probes.make(self._api, type_, self._as_probe(manifest)))
                self.evidence.add_object(made[-1].document)
            yield Probe(self._api, made)
        finally:
            probes.remove(self._api, made)

    def dry_run(self, manifest: Mapping[str, Any]) -> DryRun:
        """Ask what the API server would do with an object, without making it.

        It is asked under a random name, so that an object that exists decides nothing.

        Args:
            manifest: with apiVersion, kind and, for kinds that live in one, a namespace.

        Raises:
            Missing: its namespace or its kind does not exist.
            GradingError: the server could not be asked, or the manifest is not valid at all.
        """
        type_ = self._type_of(manifest)
        probe = probes.as_probe(manifest, self._witness.draw_name())
        try:
            return probes.dry_run(self._api, type_, probe)
        except Refusal as refusal:
            where = f"There is no place for this {type_.kind}"
            raise Missing(f"{where}: {refusal.message}") from refusal

    def can_i(
        self,
        verb: str,
        resource: str,
        namespace: str | None = None,
        *,
        user: str | None = None,
        service_account: str | None = None,
        groups: Sequence[str] = (),
        name: str | None = None,
    ) -> bool:
        """Ask whether somebody may do something (a SubjectAccessReview).

        Args:
            verb: for example `create`.
            resource: plural, also with a subresource or a group: `pods`, `pods/log`,
                `deployments.apps`.
            namespace: where; None means in all namespaces.
            user: who, as a user name.
            service_account: who, as `namespace/name`; give either this or `user`.
            groups: of the user, beyond `system:authenticated`.
            name: only for the object of this name.

        Raises:
            GradingError: the server could not be asked.
        """
        subject = subject_of(user, service_account, groups)
        what = Question.of(resource)
        group = what.group or self._group_of(what.plural)
        review = review_of(subject, verb, what._replace(group=group), namespace, name)
        answer = self._api.post(REVIEWS, review)
        return bool(answer["status"].get("allowed"))

    def ask_service(
        self, service: str, namespace: str, port: str | int, path: str = "/", scheme: str = "http",
        body: Mapping[str, Any] | None = None,
    ) -> Fetched:  # fmt: skip
        """Return what a Service answers to a GET, or to a POST of `body`, by the API server.

        Raises:
            CheckFailed: there is no such Service, or nobody behind it takes the call.
            GradingError: the server could not be asked, or this cluster has no network.
        """
        self.get("Service", service, namespace)
        return services.ask_service(self._api, namespace, service, port, path, scheme, body)

    def observe(self, what: str, look: Callable[[], T]) -> T:
        """Measure something that the API server does not say, so that it becomes evidence.

        What a check finds out in any other way cannot be judged anew without the cluster.

        Args:
            what: names the measurement; each has its own name.
            look: measures; returns a JSON value. A replay does not call it.

        Raises:
            GradingError: `look` says that it could not be measured.
        """
        value: T = self._witness.observe(what, look)
        return value

    def audit(
        self,
        verb: str | Collection[str] | None = None,
        resource: str | None = None,
        subresource: str | None = None,
        namespace: str | None = None,
        name: str | None = None,
        *,
        uid: str | None = None,
        actor: str | None = None,
        succeeded: bool | None = True,
    ) -> AuditEvents:
        """Return what happened, in its order, from the API server's audit log.

        Args:
            verb: one or several of `create`, `update`, `patch`, `delete`, ...
            resource: plural, for example `pods`.
            subresource: for example `status`; the empty string means the object itself.
            namespace: only in it.
            name: only the object of this name.
            uid: only the object of this uid.
            actor: only what this user did, also when impersonating somebody else.
            succeeded: whether the API server did it; None for both.

        Raises:
            AuditIncomplete: there is no log, or it cannot be read.
        """
        query = AuditQuery(verb, resource, subresource, namespace, name, uid, actor, succeeded)
        events = list(self._log().events(query))
        for event in events:
            self.evidence.add_event(event.to_evidence())
        return events

    def allocated_by(self, claim: Mapping[str, Any]) -> AuditEvent:
        """Return the request that gave a ResourceClaim the allocation it has now.

        Its `actor` is `system:kube-scheduler` unless somebody wrote the status by hand.

        Raises:
            CheckFailed: the claim is not allocated.
            AuditIncomplete: the log does not say.
        """
        return self._noted_event(provenance.allocation_of(claim, self._log()))

    def bound_by(self, pod: Mapping[str, Any]) -> AuditEvent:
        """Return the request that gave a Pod its node.

        Its `actor` is `system:kube-scheduler` unless somebody bound the Pod or named the node.

        Raises:
            CheckFailed: the Pod has no node.
            AuditIncomplete: the log does not say.
        """
        return self._noted_event(provenance.binding_of(pod, self._log()))

    def _type(self, kind: str, api_version: str | None = None) -> ResourceType:
        type_ = self._discovery.find(self._api, kind, api_version)
        if type_ is None:
            group = f" {api_version}" if api_version else ""
            raise Missing(f"This cluster has no kind {kind}{group}")
        return type_

    def _type_of(self, manifest: Mapping[str, Any]) -> ResourceType:
        if not manifest.get("kind") or not manifest.get("apiVersion"):
            raise RequestInvalid("A manifest needs apiVersion and kind")
        return self._type(str(manifest["kind"]), str(manifest["apiVersion"]))

    def _as_probe(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        name = (manifest.get("metadata") or {}).get("name") or self.random_name()
        if name not in self._drawn:
            raise RequestInvalid(
                f"The name {name!r} of a probe is not random: leave it out or use random_name()"
            )
        return probes.as_probe(manifest, name)

    def _group_of(self, plural: str) -> str:
        type_ = self._discovery.find(self._api, plural)
        return type_.group if type_ else ""

    def _noted(self, type_: ResourceType, document: dict[str, Any]) -> dict[str, Any]:
        complete = {"kind": type_.kind, "apiVersion": type_.api_version, **document}
        self.evidence.add_object(complete)
        return complete

    def _noted_event(self, event: AuditEvent) -> AuditEvent:
        self.evidence.add_event(event.to_evidence())
        return event

    def _log(self) -> EventLog:
        """Return the audit log, once it is known to reach back to before the learner came."""
        if self._audit_log is None:
            raise AuditIncomplete("This cluster has no audit log")
        if not self._log_is_whole:
            made = self.get("Namespace", "kube-system")["metadata"]["creationTimestamp"]
            provenance.require_beginning(self._audit_log, made)
            self._log_is_whole = True
        return self._audit_log


def _event_log(log: Path | OpenLog | EventLog | None) -> EventLog | None:
    return AuditLog(log) if isinstance(log, Path) or callable(log) else log
