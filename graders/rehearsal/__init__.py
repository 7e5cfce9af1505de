"""Rehearsal: proves a lab on real clusters before a learner meets it."""

from graders.rehearsal.plan import PlannedRun, plan_runs
from graders.rehearsal.rehearsal import rehearse
from graders.rehearsal.report_card import ReportCard, RunResult, read_report_card

__all__ = ["PlannedRun", "ReportCard", "RunResult", "plan_runs", "read_report_card", "rehearse"]
