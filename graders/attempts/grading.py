"""Grading an attempt: the job for the runner, and the report when the cluster cannot be asked."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from clusters.provider import Cluster
from graders.attempts.rules import variant_of
from graders.digests import assay_version, grader_digest, lab_digest
from graders.lab import Lab
from graders.ledger import Attempt, timestamp
from graders.report import CheckResult, Outcome, Report
from graders.runner import GradingJob


def grading_job(attempt: Attempt, lab: Lab, cluster: Cluster, tasks: tuple[str, ...]) -> GradingJob:
    """Return what the runner must know to check tasks of an attempt."""
    return GradingJob(
        lab=lab,
        attempt=attempt.id,
        learner=attempt.learner,
        seed=attempt.seed,
        values=variant_of(attempt, lab).values,
        grader_kubeconfig=cluster.grader_kubeconfig,
        audit_log=cluster.audit_log,
        baseline=attempt.baseline,
        cluster_uid=attempt.cluster_uid,
        versions=_versions(attempt, lab),
        assurance=attempt.assurance,
        tasks=tasks,
    )


def error_report(attempt: Attempt, lab: Lab, tasks: tuple[str, ...], problem: str) -> Report:
    """Return the report of a grading that could not look at all; nothing is counted."""
    now = timestamp(datetime.now(UTC))
    return Report(
        id=secrets.token_hex(16),
        lab=lab.slug,
        lab_version=lab.version,
        attempt=attempt.id,
        learner=attempt.learner,
        started_at=now,
        finished_at=now,
        results=tuple(
            CheckResult(
                task=task,
                outcome=Outcome.ERROR,
                message=f"Could not check this task, nothing was counted: {problem}",
            )
            for task in tasks
        ),
        cluster_uid=attempt.cluster_uid,
        versions=_versions(attempt, lab),
        assurance=attempt.assurance,
    )


def _versions(attempt: Attempt, lab: Lab) -> dict[str, str]:
    return {
        "assay": assay_version(),
        "kubernetes": attempt.kubernetes,
        "provider": attempt.provider,
        "lab": lab.version,
        "lab_digest": lab_digest(lab.folder),
        "grader": grader_digest(),
    }
