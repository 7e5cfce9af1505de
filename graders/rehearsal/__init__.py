"""Rehearsal: proves a lab on real clusters before a learner meets it.

`graders.rehearsal.rehearsal` does it; what is here can also be read by who never starts clusters.
"""

from graders.rehearsal.plan import PlannedRun, plan_runs
from graders.rehearsal.report_card import ReportCard, RunResult, read_report_card

__all__ = ["PlannedRun", "ReportCard", "RunResult", "plan_runs", "read_report_card"]
