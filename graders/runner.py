"""Runner: grades an attempt in processes of their own, and always ends in a Report.

Workers check the tasks (`graders.grading`). Whatever they do, each task gets a result, and what was
left in the cluster is removed before anybody else grades there.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from graders.bundles.grading import make_evidence
from graders.clean_mark import CleanMark
from graders.errors import Cancelled, GradingError
from graders.grading import Grading, OnResult
from graders.job import GradingJob
from graders.report import CheckResult, Report
from graders.turns import turn

__all__ = ["GradingJob", "OnResult", "grade"]

log = logging.getLogger(__name__)


def grade(
    job: GradingJob,
    on_result: OnResult | None = None,
    cancel: threading.Event | None = None,
) -> Report:
    """Check the tasks of a job. Whatever happens, the answer is a Report with a result for each.

    Gradings of one cluster take turns.

    Args:
        job: what to check.
        on_result: told each result as soon as it is known.
        cancel: set it to end the grading at once, from another thread.

    Raises:
        Cancelled: `cancel` was set before the last check had ended. There is no Report, and
            nothing that `on_result` was told counts.
    """
    started_at = datetime.now(UTC)
    grading = Grading(job, on_result, cancel)
    try:
        with turn(job.grader_kubeconfig, cancel=cancel):
            mark = CleanMark(job.grader_kubeconfig)
            if grading.run(clean=mark.take()):
                mark.put()
    except Cancelled:
        raise
    except GradingError as error:
        grading.give_up(str(error))
    except OSError as error:
        grading.give_up(f"This host could not start the grader: {error.strerror}")
    except Exception:
        log.exception("attempt %s: the grading broke off", job.attempt)
        grading.give_up("The grader itself broke off; the operator's log says why")
    id, results = uuid.uuid4().hex, grading.in_order()
    return Report(
        id=id,
        lab=job.lab.slug,
        lab_version=job.lab.version,
        attempt=job.attempt,
        learner=job.learner,
        started_at=_rfc3339(started_at),
        finished_at=_rfc3339(datetime.now(UTC)),
        results=results,
        cluster_uid=job.cluster_uid,
        versions=dict(job.versions),
        assurance=job.assurance,
        trigger=job.trigger,
        evidence=_hold_evidence(job, id, results, grading),
    )


def _hold_evidence(
    job: GradingJob, report: str, results: Sequence[CheckResult], grading: Grading
) -> str:
    """Hold what the checks were told and return its digest; empty where there is nothing."""
    if job.evidence is None or not grading.recordings:
        return ""
    try:
        return job.evidence.hold(make_evidence(job, report, results, grading.recordings))
    except Exception:
        log.exception("attempt %s: no evidence is kept of report %s", job.attempt, report)
        return ""


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
