"""A learner's desk: a lab on a real cluster, the learner's kubectl, and the real grader."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusters.addons.catalogue import why_not_here
from clusters.binaries import ensure_binaries
from clusters.capability import Capability
from clusters.provider import Cluster
from clusters.providers.embedded import EmbeddedProvider
from clusters.spec import ClusterSpec
from graders.baseline import record_baseline
from graders.catalogue import find_lab
from graders.lab import Lab
from graders.rehearsal.steps import learner_environment, run_step
from graders.rendering import render_inventory, render_manifests
from graders.report import CheckResult, Outcome, Report
from graders.runner import GradingJob, grade
from graders.solutions import solutions_of, step_task
from graders.starting_state import apply_starting_state
from graders.variant import Variant, draw_variant

Manifest = dict[str, Any]
OpenDesk = Callable[[str, int], AbstractContextManager["Desk"]]

CLASS = "gpu.assay.dev"
IMAGE = "registry.k8s.io/pause:3.10"
DRA = "resource.k8s.io/v1"


@dataclass(frozen=True)
class Desk:
    """One learner at one lab."""

    lab: Lab
    variant: Variant
    cluster: Cluster
    baseline: Mapping[str, Any]
    environment: Mapping[str, str]
    """Of the learner's terminal."""

    def kubectl(self, *arguments: str, manifests: tuple[Manifest, ...] = ()) -> str:
        """Run kubectl as the learner; a refusal fails the test."""
        done = self.try_kubectl(*arguments, manifests=manifests)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def try_kubectl(
        self, *arguments: str, manifests: tuple[Manifest, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["kubectl", *arguments, *(["--filename", "-"] if manifests else [])],
            input=_stream(manifests),
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def create(self, *manifests: Manifest) -> None:
        self.kubectl("create", manifests=manifests)

    def get(self, kind: str, name: str, namespace: str = "") -> Manifest:
        where = ["--namespace", namespace] if namespace else []
        document: Manifest = yaml.safe_load(self.kubectl("get", kind, name, *where, "-o", "yaml"))
        return document

    def await_condition(self, what: str, condition: str, namespace: str) -> None:
        self.kubectl("wait", what, f"--for={condition}", "--namespace", namespace, "--timeout=30s")

    def solve(self, *tasks: str) -> None:
        """Do tasks as the reference solution does; all of them when none is named."""
        for step in solutions_of(self.lab)[0].steps:
            if not tasks or step_task(step) in tasks:
                run_step(step, self.environment)

    def check(self, *tasks: str) -> dict[str, CheckResult]:
        """Have the grader look; all tasks when none is named."""
        return {result.task: result for result in self.report(*tasks).results}

    def report(self, *tasks: str) -> Report:
        """Have the grader look, and return its whole report."""
        return grade(
            GradingJob(
                lab=self.lab,
                attempt="attack",
                learner="mallory",
                seed=self.variant.seed,
                grader_kubeconfig=self.cluster.grader_kubeconfig,
                audit_log=self.cluster.audit_log,
                cluster_uid=self.cluster.uid,
                tasks=tasks or self.lab.task_ids,
                baseline=self.baseline,
            )
        )

    def expect_failed(self, task: str, words: str) -> None:
        """The grader says no, for the right reason."""
        result = self.check(task)[task]
        said = f"{result.message} | {result.expected} | {result.found}"
        assert (result.outcome, words in said) == (Outcome.FAILED, True), said

    def template(self, name: str, count: int = 1, expression: str = "", **spec: Any) -> Manifest:
        wanted: Manifest = {"deviceClassName": CLASS, "count": count, **spec}
        if expression:
            wanted["selectors"] = [{"cel": {"expression": expression}}]
        devices = {"requests": [{"name": "gpu", "exactly": wanted}]}
        return {
            "apiVersion": DRA,
            "kind": "ResourceClaimTemplate",
            "metadata": {"name": name, "namespace": self.variant["team"]},
            "spec": {"spec": {"devices": devices}},
        }

    def pod(self, name: str, template: str = "", **spec: Any) -> Manifest:
        container: Manifest = {"name": "main", "image": IMAGE}
        if template:
            container["resources"] = {"claims": [{"name": "gpus"}]}
            spec["resourceClaims"] = [{"name": "gpus", "resourceClaimTemplateName": template}]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self.variant["team"]},
            "spec": {"containers": [container], **spec},
        }

    def claim_of(self, pod: str, namespace: str = "") -> str:
        """Return the name of the claim that was made for a Pod, once there is one."""
        path = "jsonpath={.status.resourceClaimStatuses[0].resourceClaimName}"
        namespace = namespace or self.variant["team"]
        self.await_condition(f"pod/{pod}", path, namespace)
        return self.kubectl("get", "pod", pod, "--namespace", namespace, "--output", path)

    def patch_status(self, kind: str, name: str, status: Manifest, *options: str) -> None:
        self.kubectl(
            "patch",
            kind,
            name,
            *("--namespace", self.variant["team"], "--subresource=status", "--type=merge"),
            *("--patch", yaml.safe_dump({"status": status}), *options),
        )


def _stream(manifests: tuple[Manifest, ...]) -> str | None:
    """Return manifests as one stream; a single one as JSON, as `--raw` needs it."""
    if len(manifests) == 1:
        return json.dumps(manifests[0])
    return yaml.safe_dump_all(manifests) if manifests else None


def skip_unless_possible(provider: EmbeddedProvider, lab: Lab) -> None:
    """Skip what needs more than this host has, and say what that is."""
    if lacking := lab.needs - provider.capabilities:
        pytest.skip(f"{lab.slug}: not offered on this host: {', '.join(sorted(lacking))}")
    if reason := why_not_here(lab.document.addons):
        pytest.skip(f"{lab.slug}: {reason}")


@contextmanager
def opened_desk(provider: EmbeddedProvider, slug: str, seed: int, home: Path) -> Iterator[Desk]:
    lab = find_lab(slug)
    skip_unless_possible(provider, lab)
    variant = draw_variant(lab.document.parameters, seed)
    name = f"desk-{secrets.token_hex(3)}"
    cluster = provider.create(
        ClusterSpec(
            name,
            render_inventory(lab, variant),
            capabilities=lab.needs - {Capability.SCHEDULING},
            addons=lab.document.addons,
        )
    )
    try:
        apply_starting_state(cluster.platform_kubeconfig, render_manifests(lab, variant))
        baseline = record_baseline(lab, variant, cluster)
        kubectl = ensure_binaries(["kubectl"])["kubectl"]
        terminal = learner_environment(cluster.kubeconfig, kubectl, home)
        yield Desk(lab, variant, cluster, baseline, terminal)
    finally:
        provider.delete(name)


@pytest.fixture(scope="session")
def open_desk(provider: EmbeddedProvider, tmp_path_factory: pytest.TempPathFactory) -> OpenDesk:
    """Starts a lab by slug and seed, for as long as the `with` block runs."""

    def open_(slug: str, seed: int) -> AbstractContextManager[Desk]:
        return opened_desk(provider, slug, seed, tmp_path_factory.mktemp("learner"))

    return open_


@pytest.fixture(scope="session")
def attacked_desk(open_desk: OpenDesk) -> Iterator[Desk]:
    """One lab for all attacks, which leave it as it was."""
    with open_desk("dra-01-claim-a-gpu", 20) as desk:
        yield desk


@pytest.fixture
def desk(attacked_desk: Desk) -> Iterator[Desk]:
    """The attacked lab, put back in order after each attack."""
    yield attacked_desk
    put_in_order(attacked_desk)


RULES = ",".join(
    (
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "devicetaintrules",
    )
)


def put_in_order(desk: Desk) -> None:
    """Undo what an attack may have done to the lab."""
    desk.kubectl("delete", RULES, "--all")
    work = "pods,resourceclaims,resourceclaimtemplates"
    team = ("--namespace", desk.variant["team"])
    desk.kubectl("delete", work, "--all", *team, "--now", "--timeout=30s")
    desk.kubectl("delete", "configmap", "inventory", *team, "--ignore-not-found")
    inventory = desk.baseline["inventory"]
    published = {**inventory["slices"], CLASS: inventory["class"]["spec"]}
    found = desk.kubectl("get", "resourceslices,deviceclasses", "--output", "json")
    for item in json.loads(found)["items"]:
        name = item["metadata"]["name"]
        if name in published and item["spec"] != published[name]:
            desk.kubectl("replace", manifests=({**item, "spec": published[name]},))
        elif name not in published and not name.endswith("nic.assay.dev"):
            desk.kubectl("delete", item["kind"], name)
