"""Devices that only the platform can have published, and whose fault it is where it did not."""

from __future__ import annotations

from typing import Any

import pytest

from graders.api import USER_AGENT
from graders.checks import CheckFailed
from graders.dra.inventory import expect_published
from graders.errors import ProbeRefused

INVENTORY = {"driver": "gpu.assay.dev", "devices": {"gpu.assay.dev/node-a/gpu-0": {}}}
LEARNERS: dict[str, Any] = {"metadata": {"managedFields": [{"manager": "kubectl"}]}}
GRADERS: dict[str, Any] = {"metadata": {"managedFields": [{"manager": USER_AGENT}]}}


@pytest.mark.parametrize("pod", [LEARNERS, GRADERS])
def test_published_devices_are_fine(pod: dict[str, Any]) -> None:
    expect_published("The Pod a", {"gpu.assay.dev/node-a/gpu-0"}, INVENTORY, pod)


def test_a_pod_of_the_learner_on_made_up_devices_fails() -> None:
    with pytest.raises(CheckFailed, match=r"The Pod a holds what the platform did not publish"):
        expect_published("The Pod a", {"gpu.assay.dev/fake/gpu-0"}, INVENTORY, LEARNERS)


def test_a_pod_of_the_grader_on_made_up_devices_says_nothing_about_the_learners_work() -> None:
    with pytest.raises(ProbeRefused, match=r"Somebody published devices .*fake/gpu-0"):
        expect_published("The Pod a", {"gpu.assay.dev/fake/gpu-0"}, INVENTORY, GRADERS)


def test_a_class_that_takes_another_drivers_devices_fails_whoever_asks_it() -> None:
    with pytest.raises(CheckFailed, match="did not publish"):
        expect_published("The Pod a", {"other.example.com/node-a/gpu-0"}, INVENTORY, GRADERS)
