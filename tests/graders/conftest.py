"""Fixtures of the engine: a cluster, its learner at a terminal, and labs written on the spot."""

from __future__ import annotations

import secrets
import subprocess
import textwrap
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import yaml

from clusters.binaries import ensure_binaries
from clusters.provider import Cluster
from clusters.providers.embedded import EmbeddedProvider
from clusters.spec import ClusterSpec
from graders.api import ApiServer
from graders.lab import Lab, load_lab
from graders.runner import GradingJob
from graders.view import ClusterView

Kubectl = Callable[..., str]
WriteLab = Callable[..., Lab]
MakeJob = Callable[..., GradingJob]


@pytest.fixture(scope="session")
def graded_cluster(provider: EmbeddedProvider) -> Iterator[Cluster]:
    """One cluster for all tests that only look at a cluster or clean up behind themselves."""
    name = f"graded-{secrets.token_hex(3)}"
    yield provider.create(ClusterSpec(name))
    provider.delete(name)


@pytest.fixture
def view(graded_cluster: Cluster) -> Iterator[ClusterView]:
    with ApiServer.from_file(graded_cluster.grader_kubeconfig) as api:
        yield ClusterView(api, graded_cluster.audit_log)


@pytest.fixture
def kubectl(graded_cluster: Cluster) -> Kubectl:
    """The learner's kubectl; what it prints. Fails the test where kubectl fails."""
    return kubectl_of(graded_cluster)


@pytest.fixture(scope="session")
def learner_kubectl() -> Callable[[Cluster], Kubectl]:
    """Makes the kubectl of a cluster's learner, for fixtures that live longer than a test."""
    return kubectl_of


def kubectl_of(cluster: Cluster) -> Kubectl:
    binary = ensure_binaries(["kubectl"])["kubectl"]
    environment = {"KUBECONFIG": str(cluster.kubeconfig), "HOME": "/nonexistent", "PATH": ""}

    def run(*arguments: str, manifest: object = None) -> str:
        documents = manifest if isinstance(manifest, list) else [manifest]
        done = subprocess.run(
            [str(binary), *arguments, *(["-f", "-"] if manifest else [])],
            input=yaml.safe_dump_all(documents) if manifest else None,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace that Pods can be created in."""
    name = f"lab-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    kubectl("wait", "--for=create", "serviceaccount/default", f"--namespace={name}")
    yield name
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture(scope="session")
def write_lab(tmp_path_factory: pytest.TempPathFactory) -> WriteLab:
    """Write a lab of the checks in `source`, a task for each keyword (its seconds)."""

    def write(
        source: str,
        *,
        files: dict[str, str] | None = None,
        timings: dict[str, dict[str, object]] | None = None,
        **tasks: int,
    ) -> Lab:
        folder = tmp_path_factory.mktemp("labs") / f"lab-{secrets.token_hex(3)}"
        (folder / "checks").mkdir(parents=True)
        for name, text in {"test_checks.py": source, **(files or {})}.items():
            (folder / "checks" / name).write_text(textwrap.dedent(text))
        document = {
            "apiVersion": "assay.dev/v1",
            "kind": "Lab",
            "id": str(uuid.uuid4()),
            "slug": folder.name,
            "version": "1.0.0",
            "title": "A lab",
            "summary": "A lab that a test wrote.",
            "minutes": 5,
            "parameters": {"count": {"integer": [3, 3]}},
            "tasks": [
                {
                    "id": id.replace("_", "-"),
                    "title": id,
                    "points": 1,
                    "domain": "A",
                    "seconds": s,
                    **(timings or {}).get(id, {}),
                }
                for id, s in tasks.items()
            ],
        }
        (folder / "lab.yaml").write_text(yaml.safe_dump(document))
        return load_lab(folder)

    return write


@pytest.fixture(scope="session")
def make_job(graded_cluster: Cluster) -> MakeJob:
    """Make the job that checks every task of a lab."""

    def make(lab: Lab, cluster: Cluster = graded_cluster, **changes: object) -> GradingJob:
        job = GradingJob(
            lab=lab,
            attempt=uuid.uuid4().hex,
            learner="ada",
            seed=7,
            grader_kubeconfig=cluster.grader_kubeconfig,
            audit_log=cluster.audit_log,
            cluster_uid=cluster.uid,
            tasks=lab.task_ids,
            versions={"kubernetes": cluster.kubernetes},
        )
        return replace(job, **changes)  # type: ignore[arg-type]

    return make
