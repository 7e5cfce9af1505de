"""The status of a Pod, made of what is known of its containers."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.podrunner.containers import (
    Container,
    Ended,
    Role,
    Waiting,
    containers_of,
    restarts,
)
from clusters.podrunner.spawning import Spawned
from clusters.podrunner.statuses import Place, differs, patch_of, phase_of, status_of

PLACE = Place("10.244.0.2", "192.0.2.1", 1000.0)


class Running(Spawned):
    """Stands for a process (a fake: nothing runs)."""

    def __init__(self) -> None:
        self.pid = 1


def pod(policy: str = "Always", **status: Any) -> dict[str, Any]:
    spec = {
        "restartPolicy": policy,
        "initContainers": [{"name": "first", "image": "busybox"}],
        "containers": [{"name": "main", "image": "busybox"}],
    }
    return {"spec": spec, "status": status}


def of(
    pod: dict[str, Any], first: int | None = 0, main: int | str | None = None
) -> list[Container]:
    containers = containers_of(pod)
    for container, told in zip(containers, (first, main), strict=True):
        if told == "runs":
            container.process, container.started, container.ready = Running(), True, True
        elif isinstance(told, int):
            container.ended = Ended(told, 1.0, 2.0, "Error" if told else "Completed")
    return containers


@pytest.mark.parametrize(
    ("policy", "first", "main", "phase"),
    [
        ("Always", None, None, "Pending"),
        ("Always", 1, None, "Pending"),
        ("Never", 1, None, "Failed"),
        ("Always", 0, "runs", "Running"),
        ("Always", 0, 0, "Running"),
        ("OnFailure", 0, 0, "Succeeded"),
        ("OnFailure", 0, 3, "Running"),
        ("Never", 0, 3, "Failed"),
        ("Never", 0, 0, "Succeeded"),
    ],
)
def test_the_phase_follows_containers_and_policy(
    policy: str, first: int | None, main: Any, phase: str
) -> None:
    bound = pod(policy)

    assert phase_of(bound, of(bound, first, main), ending=False) == phase


def test_a_pod_that_was_ended_has_a_last_phase_whatever_its_policy() -> None:
    bound = pod("Always")

    assert phase_of(bound, of(bound, 0, 143), ending=True) == "Failed"


def test_a_last_phase_stays() -> None:
    bound = pod("Always", phase="Failed")

    assert phase_of(bound, of(bound, 0, "runs"), ending=False) == "Failed"


def test_a_ready_pod_is_told_as_a_kubelet_tells_it() -> None:
    bound = pod()
    status = status_of(bound, of(bound, 0, "runs"), PLACE, ending=False)

    assert {c["type"]: c["status"] for c in status["conditions"]} == {
        "PodReadyToStartContainers": "True",
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
    }
    assert status["podIP"] == "10.244.0.2"
    assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert "running" in status["containerStatuses"][0]["state"]


def test_a_readiness_gate_keeps_a_pod_from_being_ready() -> None:
    bound = pod()
    bound["spec"]["readinessGates"] = [{"conditionType": "example.com/open"}]
    ready = {"type": "example.com/open", "status": "True"}

    def told(conditions: list[dict[str, str]]) -> str:
        bound["status"]["conditions"] = conditions
        found = status_of(bound, of(bound, 0, "runs"), PLACE, ending=False)["conditions"]
        return str(next(c["status"] for c in found if c["type"] == "Ready"))

    assert (told([]), told([ready])) == ("False", "True")


def test_why_a_container_waits_is_told() -> None:
    bound = pod()
    containers = of(bound, 0)
    containers[1].waiting = Waiting("ImagePullBackOff", "no such image")
    containers[1].last_ended = Ended(3, 1.0, 2.0, "Error")
    containers[1].attempt = 1

    (told,) = status_of(bound, containers, PLACE, ending=False)["containerStatuses"]

    assert told["state"] == {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    assert told["lastState"]["terminated"]["exitCode"] == 3
    assert told["restartCount"] == 1


def test_moments_of_change_stay_where_nothing_changes_and_so_does_the_status() -> None:
    bound = pod()
    containers = of(bound, 0, "runs")
    status = status_of(bound, containers, PLACE, ending=False)
    other = {"type": "PodScheduled", "status": "True"}
    bound["status"] = {
        **status,
        "qosClass": "BestEffort",
        "conditions": [other, *status["conditions"]],
    }

    assert not differs(bound, status_of(bound, containers, PLACE, ending=False))
    bound["status"]["podIP"] = "10.0.0.66"  # forged
    assert differs(bound, status_of(bound, containers, PLACE, ending=False))


def test_sidecars_start_again_after_success_and_init_containers_do_not() -> None:
    bound = pod("Never")
    done = Ended(0, 1.0, 2.0, "Completed")

    assert restarts(Container({"name": "s"}, Role.SIDECAR, ended=done), bound)
    assert not restarts(Container({"name": "i"}, Role.INIT, ended=done), bound)


def test_a_patch_takes_back_what_is_true_no_longer() -> None:
    """As the API server merges it: by type, by address, and what is not named stays."""
    bound = pod()
    status = status_of(bound, of(bound, 0, "runs"), PLACE, ending=False)

    patch = patch_of(status)

    assert patch["podIPs"] == [{"$patch": "replace"}, {"ip": PLACE.address}]
    assert patch["hostIPs"][0] == {"$patch": "replace"}
    assert all({"reason", "message"} <= condition.keys() for condition in patch["conditions"])
    assert patch["containerStatuses"] == status["containerStatuses"]
