"""Metrics of the proctor for Prometheus; labels never name a learner."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.5, 1, 2, 5, 10, 20, 40, 60, 120, 240)


class Metrics:
    """What the proctor counts; one set for each application, so that tests do not share."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.starts = Counter(
            "assay_starts_total", "Starts of labs that ended.", ["lab", "result"], registry=registry
        )
        self.start_seconds = Histogram(
            "assay_start_seconds",
            "Time of starts that succeeded.",
            ["lab"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.checks = Counter(
            "assay_checks_total", "Results of checks.", ["lab", "outcome"], registry=registry
        )
        self.check_seconds = Histogram(
            "assay_check_seconds",
            "Time of a whole check request.",
            ["lab"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.live = Gauge("assay_attempts_live", "Attempts that hold a cluster.", registry=registry)
        self.waiting = Gauge("assay_queue_length", "Starts that wait.", registry=registry)
        self.repairs = Counter(
            "assay_reconcile_actions_total", "Things the reconciler put right.", registry=registry
        )
        self.reconcile_failures = Counter(
            "assay_reconcile_failures_total", "Reconcile rounds that failed.", registry=registry
        )

    def render(self) -> bytes:
        """Return the text format."""
        return generate_latest(self.registry)
