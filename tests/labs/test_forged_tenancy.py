"""Attacks on the lab Share GPUs between teams: limits and rights that only look right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.labs.conftest import Desk, OpenDesk

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def desk(open_desk: OpenDesk) -> Iterator[Desk]:
    """One lab for all attacks; each is about another task."""
    with open_desk("dra-04-tenancy", 21) as desk:
        yield desk


def test_a_quota_of_nothing_is_not_the_limit_that_was_asked_for(desk: Desk) -> None:
    """It refuses what is one too many, and everything else of the class as well."""
    blue = ("--namespace", desk.variant["blue"])
    kind = "premium.assay.dev.deviceclass.resource.k8s.io/devices"
    desk.kubectl("create", "quota", "devices", *blue, f"--hard={kind}=0")
    desk.await_condition("quota/devices", "jsonpath={.status.hard}", desk.variant["blue"])

    desk.expect_failed("limit-a-class", "is refused")
    desk.kubectl("delete", "quota", "devices", *blue)


def test_the_rights_of_everybody_are_too_many_for_a_team(desk: Desk) -> None:
    group = desk.variant["developers"]
    options = ("--clusterrole=cluster-admin", f"--group={group}")
    desk.kubectl("create", "clusterrolebinding", "all", *options)

    desk.expect_failed("grant-a-team", "may do more than it needs")
    desk.kubectl("delete", "clusterrolebinding", "all")
