"""Keeping: a report that was made reaches the ledger, though the database breaks off meanwhile."""

from __future__ import annotations

import logging
import time

from graders.bundles.held import HeldEvidence
from graders.bundles.store import EvidenceStore
from graders.ledger import Ledger, LedgerAway
from graders.report import Report

log = logging.getLogger(__name__)


def keep_evidence(report: Report, held: HeldEvidence, store: EvidenceStore) -> Report:
    """Put the evidence of a report on disk, before anybody reads its name.

    Returns:
        The report; it names no evidence where that could not be kept.
    """
    if not report.evidence:
        return report
    try:
        if held.keep(report.evidence, store):
            return report
        log.warning("report %s: its evidence is not held any more", report.id)
    except OSError as error:
        log.warning("report %s: no evidence is kept: %s", report.id, error)
    return report.model_copy(update={"evidence": ""})


PATIENCE = 60.0
"""Seconds for which a database that went away is asked again."""
_EVERY = 0.5


def keep(ledger: Ledger, report: Report, patience: float = PATIENCE) -> None:
    """Append a report, again and again while the database is away.

    A connection that breaks off while it commits does not say whether the report is there.
    Appending it again does no harm, since the ledger knows each report by its id.

    Raises:
        LedgerAway: the database stayed away; whether the report counts shows when it is back.
        LedgerError: the ledger refuses the report.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            ledger.append(report)
            return
        except LedgerAway as error:
            if time.monotonic() > deadline:
                raise
            log.warning("report %s is not in the ledger yet: %s", report.id, error)
            time.sleep(_EVERY)
