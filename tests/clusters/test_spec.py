"""ClusterSpec: names that every provider can use."""

from __future__ import annotations

import pytest

from clusters.capability import Capability
from clusters.errors import InputInvalid
from clusters.spec import ClusterSpec


@pytest.mark.parametrize("name", ["a", "lab-1", "0", "x" * 50])
def test_a_name_that_every_provider_can_use_is_taken(name: str) -> None:
    assert ClusterSpec(name).name == name


@pytest.mark.parametrize(
    "name", ["", "A", "-a", "a-", "a.b", "a_b", "..", "../x", "a/b", "x" * 51, "a\n", "ä"]
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(InputInvalid, match="cluster name"):
        ClusterSpec(name)


def test_what_addons_need_of_a_cluster_is_asked_for_with_them() -> None:
    spec = ClusterSpec("served", addons=("llm-d-inference-sim",))

    assert spec.capabilities == {Capability.NETWORKING}
    assert spec == ClusterSpec(
        "served", capabilities=frozenset({Capability.NETWORKING}), addons=("llm-d-inference-sim",)
    )
