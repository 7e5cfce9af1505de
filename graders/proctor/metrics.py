"""Metrics of the proctor for Prometheus; labels never name a learner."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from clusters.broker.lease import LeaseState
from clusters.broker.overview import Overview
from graders.report import Outcome, Report

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_START_SECONDS = (0.5, 1, 2, 5, 10, 20, 40, 60, 120, 240)
_LEASE_SECONDS = (0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 20, 60, 120)
_CHECK_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """What the proctor counts; one set for each application, so that tests do not share."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.starts = self._counter("starts", "Starts of labs that ended.", "lab", "result")
        self.start_seconds = self._seconds(
            "start", "Time of starts that succeeded.", _START_SECONDS, "lab"
        )
        self.waiting = self._gauge("queue_length", "Starts that wait for room.")
        self.checks = self._counter(
            "checks", "Results of checks.", "lab", "task", "outcome", "trigger"
        )
        self.check_errors = self._counter(
            "check_errors", "Checks that could not look: our fault.", "lab", "task"
        )
        self.check_seconds = self._seconds(
            "check", "Time of the check of one task.", _CHECK_SECONDS, "lab", "task"
        )
        self.grading_seconds = self._seconds(
            "grading", "Time from a place to the report in the ledger.", _CHECK_SECONDS, "lab"
        )
        self.grading_wait = self._seconds(
            "grading_wait", "Time that gradings waited for a place.", _CHECK_SECONDS
        )
        self.gradings_waiting = self._gauge("gradings_waiting", "Gradings that wait for a place.")
        self.gradings_running = self._gauge("gradings_running", "Gradings that have a place.")
        self.cancelled = self._counter(
            "gradings_cancelled", "Gradings ended because the learner asked again."
        )
        self.live = self._gauge("attempts_live", "Attempts that hold a cluster.")
        self.lease_seconds = self._seconds(
            "lease",
            "Time of starts, from the request to the lab's objects in place; warm: from the pool.",
            _LEASE_SECONDS,
            "warm",
        )
        self.leases = self._gauge("leases", "Clusters that are somebody's.", "state")
        self.pool = self._gauge("pool", "Clusters that wait ready, and those wanted.", "what")
        self.memory = self._gauge("memory_available_bytes", "What more clusters could use.")
        self.repairs = self._counter("reconcile_actions", "Things the reconciler put right.")
        self.reconcile_failures = self._counter(
            "reconcile_failures", "Reconcile rounds that failed."
        )

    def count(self, report: Report, seconds: float) -> None:
        """Count a report and each of its results.

        Args:
            report: what was found.
            seconds: how long the whole grading took.
        """
        self.grading_seconds.labels(report.lab).observe(seconds)
        for result in report.results:
            outcome, trigger = result.outcome.value, report.trigger.value
            self.checks.labels(report.lab, result.task, outcome, trigger).inc()
            self.check_seconds.labels(report.lab, result.task).observe(result.seconds)
            if result.outcome is Outcome.ERROR:
                self.check_errors.labels(report.lab, result.task).inc()

    def show_clusters(self, found: Overview) -> None:
        """Show who has clusters, and what waits ready."""
        for state in LeaseState:
            held = sum(1 for lease in found.leases if lease.state is state)
            self.leases.labels(state.value).set(held)
        self.pool.labels("ready").set(sum(shelf.ready for shelf in found.pool))
        self.pool.labels("wanted").set(sum(shelf.wanted for shelf in found.pool))
        self.waiting.set(len(found.waiting))
        self.memory.set(found.memory.available)

    def render(self) -> bytes:
        """Return the text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"assay_{name}_total", what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"assay_{name}", what, labels, registry=self.registry)

    def _seconds(self, name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(
            f"assay_{name}_seconds", what, labels, buckets=buckets, registry=self.registry
        )
