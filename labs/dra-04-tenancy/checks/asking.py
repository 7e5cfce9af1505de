"""Asking: what the API server says about claims that nobody makes in the end."""

from typing import Any

from graders import ClusterView, Variant, expect
from graders.errors import ProbeRefused

DRA = "resource.k8s.io/v1"

Wish = dict[str, Any]


def wish(count: int = 1, device_class: str = "gpu.assay.dev", **more: Any) -> Wish:
    """Return what one request asks for."""
    return {"deviceClassName": device_class, "count": count, **more}


def claim(
    namespace: str, variant: Variant, *requests: Wish | list[Wish], label: bool = True
) -> Wish:
    """Return a ResourceClaim; a list is a request with alternatives.

    It has the label that one of the tasks is about, so that it tells of the other tasks only.
    """
    spec: dict[str, Any] = {
        "devices": {"requests": [_request(n, r) for n, r in enumerate(requests)]}
    }
    labels = {f"{variant['ops']}.example/cost-centre": "c42"} if label else {}
    return {
        "apiVersion": DRA,
        "kind": "ResourceClaim",
        "metadata": {"namespace": namespace, "labels": labels},
        "spec": spec,
    }


def template(claim: dict[str, Any]) -> dict[str, Any]:
    """Return a ResourceClaimTemplate that asks for what a claim does."""
    return {**claim, "kind": "ResourceClaimTemplate", "spec": {"spec": claim["spec"]}}


def _request(number: int, asked: Wish | list[Wish]) -> dict[str, Any]:
    if isinstance(asked, dict):
        return {"name": f"r{number}", "exactly": asked}
    alternatives = [{"name": f"a{place}", **one} for place, one in enumerate(asked)]
    return {"name": f"r{number}", "firstAvailable": alternatives}


def expect_open(cluster: ClusterView, variant: Variant, namespace: str) -> None:
    """Make sure that nothing keeps an ordinary claim away, whatever the task is about.

    Raises:
        ProbeRefused: something does; names it.
    """
    expect_accepted(cluster, claim(namespace, variant, wish()), "An ordinary claim", "")


def expect_accepted(
    cluster: ClusterView, manifest: dict[str, Any], what: str, hint: str, *, unless: str = "?"
) -> None:
    """Fail when the API server refuses what it should accept.

    Args:
        cluster: the cluster.
        manifest: what it is asked about.
        what: the same for people.
        hint: where to look.
        unless: kind of what the task is about, such as a quota, and whose refusal is the
            learner's mistake.

    Raises:
        CheckFailed: it is refused, by this or by the API itself.
        ProbeRefused: something else refuses it; names it.
    """
    answer = cluster.dry_run(manifest)
    if answer.refused_by and not answer.refused_by.startswith(unless):
        raise ProbeRefused(f"{what} is refused by {answer.refused_by}: {answer.reason}")
    expect(
        answer.accepted,
        f"{what} is refused",
        expected="accepted",
        found=answer.reason,
        hint=hint,
    )


def expect_refused(
    cluster: ClusterView, manifest: dict[str, Any], what: str, by: str, hint: str
) -> None:
    """Fail when the API server accepts what it should refuse, or somebody else refuses it."""
    answer = cluster.dry_run(manifest)
    expect(
        not answer.accepted and answer.refused_by.startswith(by),
        f"{what} is not refused as it should be",
        expected=f"refused by a {by}" if by else "refused",
        found="accepted" if answer.accepted else answer.reason,
        hint=hint,
    )
