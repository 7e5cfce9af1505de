"""Rules of the runner that need nothing but their arguments."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.podrunner.addresses import (
    CONTROL_PLANE,
    NoAddress,
    free_address,
    free_node_address,
)
from clusters.podrunner.back_off import FORGIVEN, LONGEST, BackOff
from clusters.podrunner.quantities import bytes_of, in_units, value_of
from clusters.podrunner.refusals import refusals


def test_a_container_that_fails_again_and_again_waits_longer_and_longer() -> None:
    back_off = BackOff()

    assert [back_off.ended(1) for _ in range(8)] == [0, 10, 20, 40, 80, 160, LONGEST, LONGEST]
    assert back_off.ended(FORGIVEN) == 0


def test_another_runner_takes_up_the_wait() -> None:
    back_off = BackOff()
    back_off.remember(3)

    assert back_off.ended(1) == 40


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ("1", 1),
        ("64Mi", 64 * 2**20),
        ("1.5Gi", 3 * 2**29),
        ("1500m", 1.5),
        ("2e3", 2000),
        ("5k", 5000),
    ],
)
def test_quantities(quantity: str, value: float) -> None:
    assert float(value_of(quantity)) == value


def test_bytes_and_units_are_rounded_up() -> None:
    assert bytes_of("1001m") == 2
    assert in_units("1025Ki", "1Mi") == 2
    with pytest.raises(ValueError, match="no quantity"):
        value_of("many")


def test_addresses_are_given_in_order_and_again() -> None:
    assert free_address("10.244.3.0/24", []) == "10.244.3.2"
    assert free_address("10.244.3.0/24", ["10.244.3.2", "10.244.3.4"]) == "10.244.3.3"
    with pytest.raises(NoAddress):
        free_address("10.244.3.0/30", ["10.244.3.2"])


@pytest.mark.parametrize("cidr", ["", "nonsense", "127.0.0.0/8", "192.0.2.0/24", "0.0.0.0/0"])
def test_a_node_whose_range_is_none_of_the_clusters_gets_another(cidr: str) -> None:
    assert free_address(cidr, []) == "10.244.255.2"


def test_a_node_never_gets_the_address_of_the_control_plane() -> None:
    taken = [f"192.0.2.{number}" for number in range(1, 254)]

    with pytest.raises(NoAddress):
        free_node_address(taken)
    assert free_node_address(taken[1:]) == "192.0.2.1"
    assert CONTROL_PLANE not in taken


def pod(**spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "busybox", **spec.pop("container", {})}
    return {"spec": {"containers": [container], **spec}}


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"hostPID": True}, "hostPID"),
        ({"hostIPC": True}, "hostIPC"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "volume v: hostPath"),
        (
            {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]},
            "persistentVolumeClaim",
        ),
        ({"volumes": [{"name": "v", "image": {"reference": "x"}}]}, "volume v: image"),
        ({"container": {"securityContext": {"privileged": True}}}, "privileged"),
        (
            {"container": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}},
            "SYS_ADMIN",
        ),
        ({"container": {"ports": [{"containerPort": 80, "hostPort": 80}]}}, "hostPort"),
        (
            {
                "container": {
                    "volumeMounts": [{"name": "v", "mountPath": "/d", "subPath": "a/../../b"}]
                }
            },
            "may not climb",
        ),
        (
            {
                "initContainers": [
                    {"name": "i", "image": "busybox", "securityContext": {"privileged": True}}
                ]
            },
            "container i: privileged",
        ),
    ],
)
def test_what_would_reach_beyond_the_sandbox_is_refused(asked: dict[str, Any], named: str) -> None:
    (problem,) = refusals(pod(**asked))

    assert named in problem


def test_all_reasons_are_told_at_once() -> None:
    assert len(refusals(pod(hostNetwork=True, hostPID=True))) == 2
    assert refusals(pod(volumes=[{"name": "v", "emptyDir": {}}, {"name": "w"}])) == []
