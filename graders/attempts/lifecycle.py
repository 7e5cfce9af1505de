"""Lifecycle: the steps between the states of an attempt; killed in one, it can be repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from clusters.broker import Broker
from clusters.errors import AssayError, NotFound
from clusters.file_lock import locked
from clusters.home import home
from clusters.phases import OnPhase, Phase, ignore, timed
from clusters.provider import Cluster, ClusterState
from clusters.spec import ClusterSpec
from graders.attempts.rules import AttemptEnded, owner_of, spec_of, variant_of, why_not_open
from graders.baseline import record_baseline
from graders.lab import Lab
from graders.ledger import Attempt, AttemptState, Ledger, timestamp
from graders.rendered_lab import RenderedLab, render_lab
from graders.starting_state import apply_starting_state

OnSetUp = Callable[[Cluster], None]


def _do_nothing(cluster: Cluster) -> None:
    """Listen to nobody."""


_CREATED_PERCENT = 80
"""How far a start is when its cluster stands."""


def lock_of(attempt_id: str) -> Path:
    """Return the file that is locked while an attempt is started, repaired or cleared away."""
    return home() / "locks" / f"attempt-{attempt_id}"


def rendered_lab_of(ledger: Ledger, attempt: Attempt, lab: Lab) -> RenderedLab:
    """Return the filled-in files that an attempt started with.

    Attempts of before such files were kept get those of the lab as it is now.

    Raises:
        InputInvalid: they must be made of the lab, which has problems.
    """
    kept = ledger.rendered_lab(attempt.id)
    return RenderedLab.from_json(kept) if kept else render_lab(lab, variant_of(attempt, lab))


class Lifecycle:
    """The steps between the states of the attempts of one ledger and provider."""

    def __init__(self, ledger: Ledger, broker: Broker, on_set_up: OnSetUp = _do_nothing) -> None:
        """Keep attempts in `ledger` and get their clusters from `broker`.

        Args:
            ledger: the attempts.
            broker: gives out clusters.
            on_set_up: told each cluster that holds its lab's starting state, before its learner
                can act.
        """
        self._on_set_up = on_set_up
        self._ledger = ledger
        self._broker = broker
        self._provider = broker.provider

    def open(self, attempt: Attempt, lab: Lab, on_phase: OnPhase) -> Attempt:
        """Make the cluster of a starting attempt and open it. The caller holds the lock.

        Raises:
            AttemptEnded: it was ended while it started; nothing is left.
            AssayError: it could not be started; it is broken and nothing is left.
        """
        try:
            opened = self._set_up(attempt, lab, on_phase)
        except BaseException as error:
            problem = str(error) if isinstance(error, AssayError) else "its start was interrupted"
            self.break_off(attempt, problem)
            raise
        if opened.state is not AttemptState.OPEN:
            self._give_back(attempt)
            raise AttemptEnded(why_not_open(opened))
        return opened

    def repair(self, attempt: Attempt, lab: Lab, on_phase: OnPhase = ignore) -> Attempt:
        """Start the dead components of an open attempt's cluster. The caller holds the lock.

        An attempt whose cluster is lost is broken: what the learner did cannot be brought back.
        """
        try:
            cluster = self._provider.status(attempt.cluster)
        except NotFound:
            return self.break_off(attempt, "its cluster is gone")
        if cluster.state is ClusterState.READY:
            return attempt
        inventory = rendered_lab_of(self._ledger, attempt, lab).inventory
        # As it was made: a lab that has got other add-ons since must not keep it from being mended.
        spec = replace(spec_of(attempt, lab, inventory), addons=cluster.addons)
        cluster = self._provider.create(spec, on_phase)
        if cluster.uid != attempt.cluster_uid:
            return self.break_off(attempt, "its cluster was lost")
        return attempt

    def break_off(self, attempt: Attempt, problem: str) -> Attempt:
        """End an attempt that cannot go on. The caller holds the lock."""
        broken = self._ledger.set_state(
            attempt.id, AttemptState.BROKEN, finished_at=_now(), problem=problem
        )
        self._give_back(attempt)
        return broken

    def end(self, attempt_id: str, state: AttemptState) -> Attempt:
        """End an attempt and delete its cluster; the state of one that has ended stays.

        Raises:
            NotFound: there is no such attempt.
        """
        attempt = self._ledger.set_state(attempt_id, state, finished_at=_now())
        lock = lock_of(attempt_id)
        with locked(lock):  # whoever is starting it sees the new state first, and stops
            self._give_back(attempt)
            lock.unlink(missing_ok=True)  # it has ended: there is nothing left to exclude
        return attempt

    def _set_up(self, attempt: Attempt, lab: Lab, on_phase: OnPhase) -> Attempt:
        rendered = rendered_lab_of(self._ledger, attempt, lab)
        spec = spec_of(attempt, lab, rendered.inventory)
        cluster = self._cluster(spec, _first_part_of(on_phase))
        with timed(on_phase, "starting-state", "Preparing the lab", 95):
            apply_starting_state(cluster.platform_kubeconfig, rendered.manifests)
        with timed(on_phase, "baseline", "Recording the starting state", 100):
            baseline = record_baseline(lab, variant_of(attempt, lab), cluster)
            self._on_set_up(cluster)
        return self._ledger.set_state(
            attempt.id,
            AttemptState.OPEN,
            only_from={AttemptState.STARTING},
            cluster_uid=cluster.uid,
            kubernetes=cluster.kubernetes,
            baseline=baseline,
        )

    def _cluster(self, spec: ClusterSpec, on_phase: OnPhase) -> Cluster:
        if self._broker.leases.of(spec.owner) is None:  # it was ended meanwhile
            return self._provider.create(spec, on_phase)
        return self._broker.open(spec, on_phase)

    def _give_back(self, attempt: Attempt) -> None:
        self._broker.release(owner_of(attempt), attempt.cluster)


def _now() -> str:
    return timestamp(datetime.now(UTC))


def _first_part_of(on_phase: OnPhase) -> OnPhase:
    def scaled(phase: Phase) -> None:
        on_phase(replace(phase, percent=phase.percent * _CREATED_PERCENT // 100))

    return scaled
