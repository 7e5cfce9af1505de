"""The command lines of the components."""

from __future__ import annotations

import pytest
import yaml

from clusters.providers.embedded import components
from clusters.providers.embedded.components import MANIFESTS, ComponentCommand

EVERY = [
    components.etcd(),
    components.api_server(20001),
    components.controller_manager(),
    components.scheduler(),
    components.kwok(),
]


def test_every_component_that_is_watched_has_a_command() -> None:
    assert [command.name for command in EVERY] == list(components.COMPONENTS)


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name)
def test_no_component_listens_for_other_hosts(command: ComponentCommand) -> None:
    text = " ".join(command.arguments)

    assert "0.0.0.0" not in text
    assert "http://" not in text
    assert "tcp://" not in text


def test_controllers_have_no_port_and_cannot_sign() -> None:
    arguments = components.controller_manager().arguments

    assert "--secure-port=0" in arguments
    assert not [one for one in arguments if one.startswith("--cluster-signing")]
    assert "--secure-port=0" in components.scheduler().arguments


def test_kwok_takes_no_objects_of_the_cluster_as_orders() -> None:
    arguments = components.kwok().arguments

    assert not [one for one in arguments if one.startswith("--enable-crds")]
    assert {"--node-port=0", "--server-address="} <= set(arguments)


def test_stages_only_play_nodes_and_pods() -> None:
    def played(name: str) -> set[tuple[str, str]]:
        text = (MANIFESTS / f"{name}-stages.yaml").read_text(encoding="utf-8")
        stages = yaml.safe_load_all(text)
        return {(stage["kind"], stage["spec"]["resourceRef"]["kind"]) for stage in stages}

    assert played("node") == {("Stage", "Node")}
    assert played("pod") == {("Stage", "Pod")}


def test_kwok_leaves_pods_alone_that_have_processes() -> None:
    def configured(*, networked: bool) -> str:
        return " ".join(components.kwok(networked=networked).arguments)

    assert "pod-stages" in configured(networked=False)
    assert "pod-stages" not in configured(networked=True)


def test_the_audit_log_never_holds_the_body_of_a_secret_or_a_token() -> None:
    policy = yaml.safe_load((MANIFESTS / "audit-policy.yaml").read_text(encoding="utf-8"))
    secret = ("secrets", "serviceaccounts/token")

    first = {
        resource: rule["level"]
        for rule in reversed(policy["rules"])
        for group in rule.get("resources", [])
        for resource in group.get("resources", [])
    }

    assert {first[resource] for resource in secret} == {"Metadata"}
    assert {first[r] for r in ("pods", "pods/binding", "pods/status")} == {"RequestResponse"}
