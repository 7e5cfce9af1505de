"""The order in which the objects of a lab come into being."""

from __future__ import annotations

from typing import Any

from graders.starting_state import in_order


def a(kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}}


def test_namespaces_come_first_and_neighbours_that_do_nothing_come_together() -> None:
    manifests = [
        a("Namespace", "one"),
        a("ConfigMap", "c1"),
        a("Secret", "s1"),
        a("LimitRange", "l1"),
        a("Pod", "p1"),
        a("Pod", "p2"),
        a("ConfigMap", "c2"),
        a("Namespace", "two"),
        a("ResourceClaim", "r1"),
        a("Deployment", "d1"),
    ]

    groups = [[found["metadata"]["name"] for found in group] for group in in_order(manifests)]

    assert groups == [
        ["one", "two"],
        ["c1", "s1"],
        ["l1"],
        ["p1"],
        ["p2"],
        ["c2", "r1"],
        ["d1"],
    ]


def test_of_nothing_comes_nothing() -> None:
    assert in_order([]) == []
