"""Lifecycle: the steps between the states of an attempt; killed in one, it can be repeated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from clusters.errors import AssayError, NotFound
from clusters.home import home
from clusters.phases import OnPhase, Phase, ignore, timed
from clusters.provider import ClusterProvider, ClusterState
from graders.attempts.rules import AttemptEnded, spec_of, variant_of, why_not_open
from graders.baseline import record_baseline
from graders.file_lock import locked
from graders.lab import Lab
from graders.ledger import Attempt, AttemptState, Ledger, timestamp
from graders.rendered_lab import RenderedLab, render_lab
from graders.starting_state import apply_starting_state

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

    def __init__(self, ledger: Ledger, provider: ClusterProvider) -> None:
        """Keep attempts in `ledger` and their clusters with `provider`."""
        self._ledger = ledger
        self._provider = provider

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
            self._provider.delete(attempt.cluster)
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
        cluster = self._provider.create(spec_of(attempt, inventory), on_phase)
        if cluster.uid != attempt.cluster_uid:
            return self.break_off(attempt, "its cluster was lost")
        return attempt

    def break_off(self, attempt: Attempt, problem: str) -> Attempt:
        """End an attempt that cannot go on. The caller holds the lock."""
        broken = self._ledger.set_state(
            attempt.id, AttemptState.BROKEN, finished_at=_now(), problem=problem
        )
        self._provider.delete(attempt.cluster)
        return broken

    def end(self, attempt_id: str, state: AttemptState) -> Attempt:
        """End an attempt and delete its cluster; the state of one that has ended stays.

        Raises:
            NotFound: there is no such attempt.
        """
        attempt = self._ledger.set_state(attempt_id, state, finished_at=_now())
        lock = lock_of(attempt_id)
        with locked(lock):  # whoever is starting it sees the new state first, and stops
            self._provider.delete(attempt.cluster)
            lock.unlink(missing_ok=True)  # it has ended: there is nothing left to exclude
        return attempt

    def _set_up(self, attempt: Attempt, lab: Lab, on_phase: OnPhase) -> Attempt:
        rendered = rendered_lab_of(self._ledger, attempt, lab)
        spec = spec_of(attempt, rendered.inventory)
        cluster = self._provider.create(spec, _first_part_of(on_phase))
        with timed(on_phase, "starting-state", "Preparing the lab", 95):
            apply_starting_state(cluster.platform_kubeconfig, rendered.manifests)
        with timed(on_phase, "baseline", "Recording the starting state", 100):
            baseline = record_baseline(lab, variant_of(attempt, lab), cluster)
        return self._ledger.set_state(
            attempt.id,
            AttemptState.OPEN,
            only_from={AttemptState.STARTING},
            cluster_uid=cluster.uid,
            kubernetes=cluster.kubernetes,
            baseline=baseline,
        )


def _now() -> str:
    return timestamp(datetime.now(UTC))


def _first_part_of(on_phase: OnPhase) -> OnPhase:
    def scaled(phase: Phase) -> None:
        on_phase(replace(phase, percent=phase.percent * _CREATED_PERCENT // 100))

    return scaled
