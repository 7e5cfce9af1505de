"""Rehearsal: proves a lab on real clusters before a learner meets it.

`graders.rehearsal.rehearsal` does it; what is here can also be read by who never starts clusters.
"""

from graders.rehearsal.cards import CardState, CardStatus, card_of
from graders.rehearsal.plan import PlannedRun, plan_runs
from graders.rehearsal.report_card import ReportCard, RunResult

__all__ = [
    "CardState",
    "CardStatus",
    "PlannedRun",
    "ReportCard",
    "RunResult",
    "card_of",
    "plan_runs",
]
