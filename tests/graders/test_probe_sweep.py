"""What a killed grader leaves in a cluster, and who removes it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from clusters.provider import Cluster
from graders import probes
from graders.api import ApiServer
from graders.discovery import Discovery
from graders.lab import Lab
from graders.probes import LABEL
from graders.report import Outcome
from graders.runner import GradingJob, grade
from graders.view import ClusterView

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., str]


def config_map(namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace}}


def left(view: ClusterView, *kinds: str) -> list[str]:
    return [item["metadata"]["name"] for kind in kinds for item in view.list(kind, None, LABEL)]


LEAVES_PROBES = """
    import os, time
    from graders import check

    @check("leaves")
    def test_leaves(cluster):
        name = cluster.random_name()
        request = {{"name": "gpu", "exactly": {{"deviceClassName": "gpu.assay.dev"}}}}
        template = {{"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate",
                     "metadata": {{"namespace": "{namespace}", "name": name}},
                     "spec": {{"spec": {{"devices": {{"requests": [request]}}}}}}}}
        claims = [{{"name": "gpu", "resourceClaimTemplateName": name}}]
        containers = [{{"name": "main", "image": "none"}}]
        pod = {{"apiVersion": "v1", "kind": "Pod", "metadata": {{"namespace": "{namespace}"}},
                "spec": {{"containers": containers, "resourceClaims": claims}}}}
        with cluster.create_probe(template, pod) as probe:
            probe.wait_until(lambda found: found["status"]["phase"] == "Running", 20, "no", index=1)
            {end}

    @check("looks")
    def test_looks(cluster):
        left = [item["metadata"]["name"] for kind in ("Pod", "ResourceClaimTemplate")
                for item in cluster.list(kind, "{namespace}", "assay.dev/probe")]
        assert not left, f"left: {{left}}"
        assert not cluster.list("ResourceClaim", "{namespace}"), "a claim is left"
"""


def test_what_a_killed_worker_left_is_swept_before_the_next_check(
    write_lab: Callable[..., Lab], make_job: Callable[..., GradingJob], namespace: str
) -> None:
    end = "os._exit(1)"
    lab = write_lab(LEAVES_PROBES.format(namespace=namespace, end=end), leaves=60, looks=60)

    leaves, looks = grade(make_job(lab)).results

    assert leaves.outcome is Outcome.ERROR
    assert looks.outcome is Outcome.PASSED, looks.message


def test_what_the_last_check_left_is_swept_before_the_report(
    write_lab: Callable[..., Lab],
    make_job: Callable[..., GradingJob],
    view: ClusterView,
    namespace: str,
) -> None:
    source = LEAVES_PROBES.format(namespace=namespace, end="os._exit(1)")
    lab = write_lab(source, leaves=60, looks=60)

    (leaves,) = grade(make_job(lab, tasks=("leaves",))).results

    assert leaves.outcome is Outcome.ERROR
    assert left(view, "Pod", "ResourceClaimTemplate") == []
    assert view.list("ResourceClaim", namespace) == []


def test_what_a_killed_runner_left_is_swept_by_the_next_one(
    write_lab: Callable[..., Lab],
    make_job: Callable[..., GradingJob],
    view: ClusterView,
    graded_cluster: Cluster,
    namespace: str,
    tmp_path: Path,
) -> None:
    end = "time.sleep(1000)"
    lab = write_lab(LEAVES_PROBES.format(namespace=namespace, end=end), leaves=60, looks=60)
    script = tmp_path / "grade.py"
    script.write_text(_GRADE_IN_A_PROCESS.format(job=_arguments(make_job(lab))))
    runner = subprocess.Popen([sys.executable, str(script)])
    view.wait_until(lambda: left(view, "Pod"), 60, "It makes no probe")
    started = psutil.Process(runner.pid).children(recursive=True)
    assert len(started) == 3, "a zygote, the lab's, and a worker"

    runner.send_signal(signal.SIGKILL)
    runner.wait()
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []
    assert left(view, "Pod"), "the probe must be left, or this tests nothing"
    (looks,) = grade(make_job(lab, tasks=("looks",))).results

    assert looks.outcome is Outcome.PASSED, looks.message


_GRADE_IN_A_PROCESS = """
from pathlib import Path
from graders.lab import load_lab
from graders.runner import GradingJob, grade
grade(GradingJob(**{job}))
"""


def _arguments(job: GradingJob) -> str:
    return (
        f"dict(lab=load_lab(Path({str(job.lab.folder)!r})), attempt='a', learner='ada', seed=7, "
        f"grader_kubeconfig=Path({str(job.grader_kubeconfig)!r}), "
        f"audit_log=Path({str(job.audit_log)!r}), cluster_uid={job.cluster_uid!r}, "
        f"tasks={job.tasks!r})"
    )


def test_a_copy_of_a_probe_that_the_learner_made_is_left_alone(
    view: ClusterView, kubectl: Kubectl, graded_cluster: Cluster, namespace: str
) -> None:
    manifest = config_map(namespace)
    manifest["metadata"] |= {"name": "mine", "labels": {LABEL: "true"}}
    kubectl("create", manifest=manifest)

    with ApiServer.from_file(graded_cluster.grader_kubeconfig) as api:
        assert probes.sweep(api, Discovery()) == []

    assert view.find("ConfigMap", "mine", namespace)
    kubectl("delete", "configmap", "mine", f"--namespace={namespace}")
