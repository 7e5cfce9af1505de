"""A real cluster with devices of every kind, of each minor version of Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters.binaries import binaries_present
from clusters.binaries.lock import installed_locks
from clusters.provider import Cluster
from clusters.providers.embedded import EmbeddedProvider
from clusters.providers.embedded.components import COMPONENTS
from tests.clusters.accelerators.desk import EVERYTHING, Desk, desk_of
from tests.clusters.accelerators.driving import Driving, driving


@pytest.fixture(scope="module", params=[lock.kubernetes for lock in installed_locks()])
def desk(provider: EmbeddedProvider, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk before a cluster with devices of every kind."""
    if missing := binaries_present(COMPONENTS, kubernetes=request.param):
        pytest.skip(f"{', '.join(missing)} of {request.param} are not in the cache")
    for desk, _ in desk_of(provider, EVERYTHING, request.param):
        yield desk


@pytest.fixture(scope="module")
def staffed(provider: EmbeddedProvider) -> Iterator[tuple[Desk, Cluster]]:
    """A desk and its cluster, for tests of the driver."""
    yield from desk_of(provider, EVERYTHING)


@pytest.fixture
def stopped_driver(staffed: tuple[Desk, Cluster], tmp_path: Path) -> Iterator[Driving]:
    """A driver that is not started yet, with nodes of its own."""
    with driving(*staffed, tmp_path) as found:
        yield found


@pytest.fixture
def driver(stopped_driver: Driving) -> Driving:
    """A driver that runs."""
    stopped_driver.start()
    return stopped_driver
