"""Verification: whether every report's evidence is there, whole, and its own."""

from __future__ import annotations

from collections.abc import Iterator

from clusters.errors import AssayError
from graders.bundles.bundle import read_bundle
from graders.bundles.store import EvidenceStore
from graders.ledger import Ledger


def find_evidence_problems(ledger: Ledger, store: EvidenceStore) -> Iterator[str]:
    """Yield what is wrong with the evidence that the reports of a ledger name, a sentence each."""
    for report, attempt, digest in ledger.reports_with_evidence():
        try:
            bundle = read_bundle(store.get(digest))
        except AssayError as error:
            yield f"report {report}: {error}"
            continue
        if (bundle.get("report"), bundle.get("attempt")) != (report, attempt):
            yield f"report {report}: names the evidence of another report"
