"""Labs to attempt, and attempts at them: on real clusters, or on a provider that only pretends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from clusters.binaries import ensure_binaries
from clusters.capability import Capability
from clusters.errors import NotFound
from clusters.phases import OnPhase, Phase, ignore
from clusters.provider import Cluster, ClusterProvider, ClusterState
from clusters.spec import ClusterSpec
from graders.attempts import Attempts
from graders.authoring import new_lab
from graders.catalogue import find_lab
from graders.ledger import Attempt, Ledger, open_ledger
from graders.rehearsal.steps import learner_environment, run_step
from graders.solutions import solutions_of, step_task

Solve = Callable[..., None]


class FakeProvider(ClusterProvider):
    """Remembers clusters that do not run; for the rules of attempts, not for grading."""

    name = "embedded"
    capabilities = frozenset({Capability.SCHEDULING})

    def __init__(self) -> None:
        self.clusters: dict[str, Cluster] = {}
        self.may_create = threading.Event()
        self.may_create.set()
        self._made = 0
        self.asked: list[ClusterSpec] = []

    def preflight(self) -> Sequence[str]:
        return []

    def create(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Cluster:
        on_phase(Phase("fake", "Pretending", 50))
        assert self.may_create.wait(30)
        self._made += 1
        self.asked.append(spec)
        nowhere = Path("/nowhere")
        cluster = Cluster(
            name=spec.name,
            provider=self.name,
            state=ClusterState.READY,
            kubernetes="v0.0.0",
            capabilities=self.capabilities,
            kubeconfig=nowhere,
            grader_kubeconfig=nowhere,
            platform_kubeconfig=nowhere,
            audit_log=nowhere,
            owner=spec.owner,
            uid=f"uid-{self._made}",
            addons=spec.addons,
        )
        return self.clusters.setdefault(spec.name, cluster)

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


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of labs: `small-lab`, and `bare-lab` that sets nothing up."""
    folder = tmp_path_factory.mktemp("labs")
    new_lab("small-lab", "A small lab", folder)
    bare = new_lab("bare-lab", "A bare lab", folder)
    for file in [*bare.glob("manifests/*"), bare / "checks" / "baseline.py"]:
        file.unlink()
    return folder


@pytest.fixture(autouse=True, scope="module")
def _use_labs(labs: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_LABS", str(labs))
        yield


@pytest.fixture
def fake_provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'assay.db'}")
    yield ledger
    ledger.close()


@pytest.fixture
def pretended(ledger: Ledger, fake_provider: FakeProvider) -> Attempts:
    """Attempts whose clusters do not run."""
    return Attempts(ledger, fake_provider)


@pytest.fixture(scope="module")
def attempts(provider: ClusterProvider) -> Iterator[Attempts]:
    """The attempts of this installation; what is still live at the end is finished."""
    attempts = Attempts(open_ledger(), provider)
    yield attempts
    for attempt in attempts.ledger.attempts():
        attempts.finish(attempt.id)
    attempts.ledger.close()


@pytest.fixture
def wait_until() -> Callable[[Callable[[], object]], None]:
    """Wait until something holds, and fail where it does not come true."""

    def wait_until(holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    return wait_until


@pytest.fixture
def solve() -> Solve:
    """Return what runs the steps of the reference solution, as the learner would."""

    def solve(attempts: Attempts, attempt: Attempt, folder: Path, *tasks: str) -> None:
        kubectl = ensure_binaries(["kubectl"])["kubectl"]
        environment = learner_environment(attempts.kubeconfig(attempt), kubectl, folder)
        for step in solutions_of(find_lab(attempt.lab))[0].steps:
            if not tasks or step_task(step) in tasks:
                run_step(step, environment)

    return solve
