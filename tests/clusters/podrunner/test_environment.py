"""Environments and commands, as a kubelet makes them."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.podrunner.environment import (
    Missing,
    Surroundings,
    environment_of,
    expand,
    field_of,
    resource_of,
)

POD: dict[str, Any] = {
    "metadata": {
        "name": "web-0",
        "namespace": "shop",
        "uid": "u-1",
        "labels": {"app": "web", "tier": 'a"b'},
    },
    "spec": {"nodeName": "node-1", "serviceAccountName": "seller"},
    "status": {"podIP": "10.244.0.2", "podIPs": [{"ip": "10.244.0.2"}], "hostIP": "192.0.2.1"},
}
HELD = {
    ("ConfigMap", "settings"): {"mode": "fast", "not a name!": "x"},
    ("Secret", "keys"): {"token": "t-1"},
}
SERVICE = {
    "metadata": {"name": "my-shop"},
    "spec": {"clusterIP": "10.96.3.4", "ports": [{"port": 80, "name": "web"}, {"port": 81}]},
}


def around(**changed: Any) -> Surroundings:
    parts: dict[str, Any] = {
        "pod": POD,
        "held": lambda kind, name: HELD.get((kind, name)),
        "services": [SERVICE],
    }
    return Surroundings(**{**parts, **changed})


def made(**container: Any) -> dict[str, str]:
    return environment_of({"name": "c", **container}, around(services=[]), {"PATH": "/bin"})


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)-$(B)", "1-$(B)"),
        ("$$(A)", "$(A)"),
        ("$A ${A}", "$A ${A}"),
        ("$(A", "$(A"),
    ],
)
def test_references_are_expanded(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1"}) == expanded


def test_later_variables_see_earlier_ones_and_own_values_go_over_sources() -> None:
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)2"},
        {"name": "mode", "value": "slow"},
    ]
    found = made(env=env, envFrom=[{"configMapRef": {"name": "settings"}}])

    assert found == {"PATH": "/bin", "A": "1", "B": "12", "mode": "slow"}


def test_values_come_from_fields_config_maps_secrets_and_limits() -> None:
    def of(name: str, **source: Any) -> dict[str, Any]:
        return {"name": name, "valueFrom": source}

    found = made(
        resources={"limits": {"memory": "64Mi", "cpu": "1500m"}},
        env=[
            of("NAME", fieldRef={"fieldPath": "metadata.name"}),
            of("APP", fieldRef={"fieldPath": "metadata.labels['app']"}),
            of("IP", fieldRef={"fieldPath": "status.podIP"}),
            of("MODE", configMapKeyRef={"name": "settings", "key": "mode"}),
            of("TOKEN", secretKeyRef={"name": "keys", "key": "token"}),
            of("MIB", resourceFieldRef={"resource": "limits.memory", "divisor": "1Mi"}),
            of("CPU", resourceFieldRef={"resource": "limits.cpu"}),
            of("NOT", configMapKeyRef={"name": "settings", "key": "no", "optional": True}),
        ],
    )

    assert found.items() >= {
        ("NAME", "web-0"),
        ("APP", "web"),
        ("IP", "10.244.0.2"),
        ("MODE", "fast"),
        ("TOKEN", "t-1"),
        ("MIB", "64"),
        ("CPU", "2"),
    }
    assert "NOT" not in found


@pytest.mark.parametrize(
    ("container", "named"),
    [
        ({"envFrom": [{"secretRef": {"name": "gone"}}]}, 'secret "gone"'),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "no"}}}]},
            "key no in Secret keys",
        ),
    ],
)
def test_what_is_missing_is_named(container: dict[str, Any], named: str) -> None:
    with pytest.raises(Missing, match=named):
        made(**container)


def test_services_are_told_by_variables() -> None:
    found = environment_of({"name": "c"}, around(), {})

    assert found["MY_SHOP_SERVICE_HOST"] == "10.96.3.4"
    assert found["MY_SHOP_SERVICE_PORT"] == found["MY_SHOP_SERVICE_PORT_WEB"] == "80"


def test_all_labels_are_told_quoted() -> None:
    assert field_of(POD, "metadata.labels") == 'app="web"\ntier="a\\"b"'


def test_what_is_not_limited_is_told_as_nothing() -> None:
    assert resource_of({"name": "c"}, {"resource": "limits.memory"}) == "0"
