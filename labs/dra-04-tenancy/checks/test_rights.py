"""Tasks: give a team the rights it needs and no more, repair the rights of a runner."""

from collections.abc import Iterable
from typing import NamedTuple

from graders import ClusterView, Variant, check, expect

CLAIMS = "resourceclaims.resource.k8s.io"
TEMPLATES = "resourceclaimtemplates.resource.k8s.io"
CLASSES = "deviceclasses.resource.k8s.io"
SLICES = "resourceslices.resource.k8s.io"
RULES = "devicetaintrules.resource.k8s.io"
BINDINGS = "rolebindings.rbac.authorization.k8s.io"
WORK = ("create", "get", "list", "watch", "delete")


class Right(NamedTuple):
    """One question to the authorizer."""

    verb: str
    resource: str
    namespace: str | None = None

    def __str__(self) -> str:
        """Return it as people say it."""
        plural, _, subresource = self.resource.partition("/")
        what = "/".join(part for part in (plural.partition(".")[0], subresource) if part)
        return f"{self.verb} {what} in {self.namespace or 'the cluster'}"


@check("grant-a-team")
def test_the_team_may_do_its_work_in_its_namespace_and_nothing_else(
    cluster: ClusterView, variant: Variant
) -> None:
    red, group = variant["red"], variant["developers"]
    needed = [
        *(Right(verb, kind, red) for verb in WORK for kind in (CLAIMS, TEMPLATES, "pods")),
        *(Right(verb, CLASSES) for verb in ("get", "list", "watch")),
    ]
    others = [variant[name] for name in ("blue", "green", "monitoring")]
    forbidden = [
        *(
            Right(verb, kind, space)
            for verb in ("create", "list")
            for kind in (CLAIMS, "pods")
            for space in (*others, None)
        ),
        Right("update", f"{CLAIMS}/status", red),
        Right("patch", f"{CLAIMS}/status", red),
        Right("update", f"{CLAIMS}/binding", red),
        Right("get", "secrets", red),
        Right("create", BINDINGS, red),
        Right("patch", "namespaces", red),
        Right("create", "pods/exec", variant["blue"]),
        *(Right("create", kind) for kind in (CLASSES, SLICES, RULES)),
        Right("patch", CLASSES),
    ]
    user = cluster.random_name()

    def may(right: Right) -> bool:
        return cluster.can_i(right.verb, right.resource, right.namespace, user=user, groups=[group])

    _expect(f"The group {group}", needed, forbidden, may)


@check("repair-access")
def test_the_runner_may_make_claims_and_nothing_more(
    cluster: ClusterView, variant: Variant
) -> None:
    yellow = variant["yellow"]
    account = f"{yellow}/{variant['runner']}"
    needed = [Right(verb, kind, yellow) for verb in WORK for kind in (CLAIMS, "pods")]
    forbidden = [
        Right("create", CLAIMS, variant["blue"]),
        Right("create", CLAIMS, "default"),
        Right("list", CLAIMS),
        Right("update", f"{CLAIMS}/status", yellow),
        Right("patch", CLAIMS, yellow),
        Right("create", TEMPLATES, yellow),
        Right("get", "secrets", yellow),
        Right("create", CLASSES),
        Right("create", BINDINGS, yellow),
    ]

    def may(right: Right) -> bool:
        return cluster.can_i(right.verb, right.resource, right.namespace, service_account=account)

    _expect(f"The account {account}", needed, forbidden, may)
    stranger = f"default/{variant['runner']}"
    expect(
        not cluster.can_i("create", CLAIMS, yellow, service_account=stranger),
        f"The account {stranger} may make claims in {yellow}",
        expected="nobody but the runner of this namespace",
        found="allowed",
        hint="kubectl get rolebindings --output yaml: whom do the subjects name?",
    )


def _expect(who: str, needed: Iterable[Right], forbidden: Iterable[Right], may: object) -> None:
    assert callable(may)
    lacking = [str(right) for right in needed if not may(right)]
    expect(
        not lacking,
        f"{who} may not do what it needs",
        expected="everything that the task lists",
        found=f"may not {'; '.join(lacking[:4])}",
        hint="kubectl auth can-i --list --as=somebody --as-group=...",
    )
    too_much = [str(right) for right in forbidden if may(right)]
    expect(
        not too_much,
        f"{who} may do more than it needs",
        expected="nothing beyond what the task lists",
        found=f"may {'; '.join(too_much[:4])}",
        hint="Which role grants it, and in how many namespaces does its binding hold?",
    )
