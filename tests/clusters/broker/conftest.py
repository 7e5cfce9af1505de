"""A broker on a provider that only pretends, with its leases in a real database."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from clusters.broker import Broker
from clusters.broker.pool_plan import PoolPlan
from clusters.capability import Capability
from clusters.database import connect
from clusters.errors import InputInvalid, NotFound, NotReadyError
from clusters.phases import OnPhase, ignore
from clusters.provider import Cluster, ClusterProvider, ClusterState
from clusters.spec import ClusterSpec

NOWHERE = Path("/nowhere")


class FakeProvider(ClusterProvider):
    """Remembers clusters that do not run, dressed and undressed, frozen and not."""

    name = "fake"
    capabilities = frozenset({Capability.SCHEDULING})

    def __init__(self) -> None:
        self.clusters: dict[str, Cluster] = {}
        self.sick: set[str] = set()
        """Those that cannot be dressed."""
        self.dresser = self
        self.freezer = self
        self._lock = threading.Lock()

    def preflight(self) -> Sequence[str]:
        return []

    def create(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Cluster:
        with self._lock:
            return self.clusters.setdefault(spec.name, self._cluster(spec))

    def create_undressed(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Cluster:
        with self._lock:
            made = replace(self._cluster(spec), dressed=False)
            self.clusters[spec.name] = made
            return made

    def dress(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Cluster:
        with self._lock:
            found = self.status(spec.name)
            assert not found.frozen
            if spec.name in self.sick:
                raise NotReadyError("kwok ended at once")
            if found.dressed and found.owner != spec.owner:
                raise InputInvalid(["it is somebody else's"])
            self.clusters[spec.name] = replace(found, dressed=True, owner=spec.owner)
            return self.clusters[spec.name]

    def delete(self, name: str) -> None:
        self.clusters.pop(name, None)

    def list(self) -> Sequence[Cluster]:
        return list(self.clusters.values())

    def status(self, name: str) -> Cluster:
        if name not in self.clusters:
            raise NotFound(f"there is no cluster {name!r}")
        return self.clusters[name]

    def collect_logs(self, name: str, to: Path) -> Sequence[Path]:
        return []

    def freeze(self, name: str) -> None:
        self.clusters[name] = replace(self.status(name), frozen=True)

    def thaw(self, name: str) -> None:
        self.clusters[name] = replace(self.status(name), frozen=False)

    def become(self, name: str, state: ClusterState) -> None:
        self.clusters[name] = replace(self.clusters[name], state=state)

    def _cluster(self, spec: ClusterSpec) -> Cluster:
        return Cluster(
            name=spec.name,
            provider=self.name,
            state=ClusterState.READY,
            kubernetes="v0.0.0",
            capabilities=self.capabilities,
            kubeconfig=NOWHERE,
            grader_kubeconfig=NOWHERE,
            platform_kubeconfig=NOWHERE,
            audit_log=NOWHERE,
            owner=spec.owner,
            uid=f"uid of {spec.name}",
            created_at="2026-01-01T00:00:00Z",
        )


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def plans() -> list[PoolPlan]:
    """What the pool is to have; tests put plans into it."""
    return []


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'broker.db'}"
    else:
        yield request.getfixturevalue("new_postgresql_url")()


@pytest.fixture
def broker(
    database: str,
    provider: FakeProvider,
    plans: list[PoolPlan],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Broker]:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    engine = connect(database)
    yield Broker(engine, provider, lambda: plans)
    engine.dispose()
