"""Asking: whether the scheduler gives a claim a device of the lab, as things are now.

Unseen devices show what a claim would take; here the question is what the learner's cluster gives:
whether a device is tainted, say. A claim with admin access is answered even while somebody else
holds the device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from graders import waiting
from graders.checks import CheckFailed
from graders.dra.hindrance import hindrance
from graders.dra.scheduling import (
    confirm_refusal,
    expect_chosen_by_scheduler,
    is_refused,
    results_of,
)
from graders.errors import GradingError
from graders.view import ClusterView

ANSWER_SECONDS = 10.0
"""How long the scheduler may take to decide about one probe; usually it takes 0.1 s."""
_IMAGE = "registry.k8s.io/pause:3.10"

Object = Mapping[str, Any]


@contextmanager
def asked(
    cluster: ClusterView, spec: Object, *, node: str = "", namespace: str = "default"
) -> Iterator[frozenset[str]]:
    """Claim by a spec for as long as the `with` block runs; yields what was given.

    Args:
        cluster: the cluster.
        spec: spec of a ResourceClaim.
        node: where the Pod of the probe has to run; anywhere without it.
        namespace: where the probes are; one that is labelled for admin access where the claim
            asks for that.

    Yields:
        Ids of the devices (`driver/pool/name`); none where the scheduler refuses.

    Raises:
        GradingError: the scheduler does not decide, or something interferes with the probe.
    """
    claim = cluster.random_name()
    with cluster.create_probe(
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaim",
            "metadata": {"name": claim, "namespace": namespace},
            "spec": dict(spec),
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": namespace},
            "spec": _pod_spec(claim, node),
        },
    ) as probe:
        try:
            waiting.wait_until(
                lambda: results_of(probe.read(0)) or is_refused(probe.read(1)),
                ANSWER_SECONDS,
                "The scheduler did not decide about a probe",
            )
        except CheckFailed as failed:
            raise GradingError(f"{failed}: {hindrance(cluster, probe.read(1))}") from failed
        found, pod = probe.read(0), probe.read(1)
        if results_of(found):
            expect_chosen_by_scheduler(cluster, found, pod)
        else:
            confirm_refusal(cluster, pod)
        yield frozenset(result.device for result in results_of(found))


def is_given(
    cluster: ClusterView, spec: Object, *, node: str = "", namespace: str = "default"
) -> frozenset[str]:
    """Return what a claim is given, and give it back at once; as `asked`."""
    with asked(cluster, spec, node=node, namespace=namespace) as given:
        return given


def _pod_spec(claim: str, node: str) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "containers": [
            {"name": "probe", "image": _IMAGE, "resources": {"claims": [{"name": "devices"}]}}
        ],
        "resourceClaims": [{"name": "devices", "resourceClaimName": claim}],
    }
    if node:
        here = {"key": "metadata.name", "operator": "In", "values": [node]}
        terms = {"nodeSelectorTerms": [{"matchFields": [here]}]}
        spec["affinity"] = {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}
        }
    return spec
