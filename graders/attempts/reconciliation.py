"""Reconciliation: puts right what time and faults have done to attempts and their clusters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from clusters.broker import Broker
from clusters.broker.reconciliation import reconcile
from clusters.errors import AssayError, NotFound
from clusters.file_lock import locked_if_free
from clusters.provider import Cluster, ClusterState
from graders.attempts.lifecycle import Lifecycle, lock_of
from graders.attempts.rules import OWNER, is_due, owner_of
from graders.bundles.store import EvidenceStore
from graders.catalogue import find_lab
from graders.ledger import LIVE_STATES, Attempt, AttemptState, Ledger


class Reconciliation:
    """Compares the ledger with the running clusters; safe from several processes at once.

    Each method yields what it did, a sentence each. A step that fails says so and does not stop
    the others; it is tried again the next time.
    """

    def __init__(self, ledger: Ledger, broker: Broker, lifecycle: Lifecycle) -> None:
        """Put right the attempts in `ledger` whose clusters come from `broker`."""
        self._ledger = ledger
        self._broker = broker
        self._provider = broker.provider
        self._lifecycle = lifecycle

    def expire(self) -> Iterator[str]:
        """End the attempts whose time is over."""
        return self._each(LIVE_STATES, self._expire)

    def give_up_interrupted(self) -> Iterator[str]:
        """Give up starts whose process is gone."""
        return self._each({AttemptState.STARTING}, self._give_up_if_interrupted)

    def revive(self) -> Iterator[str]:
        """Start the dead components of open attempts again."""
        return self._each({AttemptState.OPEN}, self._revive)

    def delete_orphans(self) -> Iterator[str]:
        """Delete the clusters of attempts that are over.

        An attempt that this ledger does not know belongs to another one: its cluster stays.
        """
        for cluster in self._provider.list():
            attempt = self._attempt_of(cluster)
            if attempt is None or attempt.live:
                continue
            try:
                self._broker.release(owner_of(attempt), cluster.name)
            except AssayError as error:
                yield f"cluster {cluster.name}: could not be deleted: {error}"
            else:
                yield f"cluster {cluster.name}: deleted, its attempt is over"

    def end_leases(self) -> Iterator[str]:
        """End the leases of attempts that are over, and put the pool right."""
        return reconcile(self._broker, self._needs)

    def sweep_evidence(self, store: EvidenceStore) -> Iterator[str]:
        """Remove evidence that no report names; from time to time."""
        if not store.is_time_to_sweep():
            return
        for what in store.sweep(self._ledger.named_evidence, self._knows):
            yield f"evidence {what}: removed, no report names it"

    def _knows(self, attempt: str) -> bool:
        try:
            self._ledger.attempt(attempt)
        except NotFound:
            return False
        return True

    def _needs(self, owner: str) -> bool | None:
        """Whether an attempt still needs its cluster; None of owners that are no attempts.

        One that the ledger does not know was never recorded: whoever asked for it was killed.
        """
        if not owner.startswith(OWNER):
            return None
        try:
            return self._ledger.attempt(owner.removeprefix(OWNER)).live
        except NotFound:
            return False

    def _expire(self, attempt: Attempt) -> str:
        if not is_due(attempt):
            return ""
        ended = self._lifecycle.end(attempt.id, AttemptState.EXPIRED)
        return f"its time was over, it is {ended.state}"

    def _give_up_if_interrupted(self, attempt: Attempt) -> str:
        with locked_if_free(lock_of(attempt.id)) as held:
            if not held or self._ledger.attempt(attempt.id).state is not AttemptState.STARTING:
                return ""
            self._lifecycle.break_off(attempt, "its start was interrupted")
        return "its start was interrupted, it is given up"

    def _revive(self, attempt: Attempt) -> str:
        with locked_if_free(lock_of(attempt.id)) as held:
            if not held or self._ledger.attempt(attempt.id).state is not AttemptState.OPEN:
                return ""
            if self._broker.is_paused(owner_of(attempt)):
                return ""  # it is put right when its learner comes back
            before = self._state_of(attempt.cluster)
            if before == ClusterState.READY:
                return ""
            after = self._lifecycle.repair(attempt, find_lab(attempt.lab))
        return after.problem or f"its cluster was {before} and runs again"

    def _each(
        self, states: Collection[AttemptState], step: Callable[[Attempt], str]
    ) -> Iterator[str]:
        for attempt in self._ledger.attempts(states=states):
            if attempt.provider != self._provider.name:
                continue
            try:
                done = step(attempt)
            except AssayError as error:
                done = str(error)
            if done:
                yield f"attempt {attempt.id}: {done}"

    def _attempt_of(self, cluster: Cluster) -> Attempt | None:
        if cluster.owner.startswith(OWNER):
            try:
                return self._ledger.attempt(cluster.owner.removeprefix(OWNER))
            except NotFound:
                return None
        if cluster.owner or cluster.state is not ClusterState.INCOMPLETE:
            return None
        # Half deleted, so that it does not know its owner any more; the ledger knows its name.
        return next((a for a in self._ledger.attempts() if a.cluster == cluster.name), None)

    def _state_of(self, cluster: str) -> str:
        try:
            return self._provider.status(cluster).state
        except NotFound:
            return "gone"
