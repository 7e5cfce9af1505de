"""Badges and verdicts as tables for a terminal.

What stands in a badge was written by somebody else: it is printed as text, never as markup, and
without characters that a terminal would obey.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from web.award_store import Award
from web.credentials import Status, Verdict

_STATUS = {
    Status.GOOD: "not revoked",
    Status.REVOKED: "revoked",
    Status.UNCHECKED: "not checked",
    Status.NONE: "cannot be revoked",
}


def award_table(awards: Iterable[Award]) -> Table:
    """Return a table of awards."""
    table = Table("badge", "learner", "path", "issued", "revoked", box=None, pad_edge=False)
    for award in awards:
        revoked = f"{award.revoked_at[:10]}: {award.revoked_reason}" if award.revoked else ""
        cells = (award.id, award.learner, award.path, award.issued_at[:10], revoked)
        table.add_row(*map(_text, cells))
    return table


def verdict_table(verdict: Verdict) -> RenderableType:
    """Return what verifying found: the answer, every reason, and what the badge says."""
    answer = Text("✓ valid", "bold green") if verdict.valid else Text("✗ not valid", "bold red")
    reasons = [Text(f"  {_plain(problem.message)}", "red") for problem in verdict.problems]
    heading = Text("" if verdict.valid else "It claims:", "dim")
    return Group(answer, *reasons, heading, _claims_table(verdict))


def _claims_table(verdict: Verdict) -> Table:
    claims = verdict.claims
    table = Table(box=None, show_header=False, pad_edge=False)
    lines = {
        "badge": claims.title,
        "issuer": " ".join(filter(None, (claims.issuer_name, f"({claims.issuer})"))),
        "issued": claims.issued_at,
        "expires": claims.expires_at or "never",
        "assurance": claims.assurance,
        "points": claims.points,
        "revocation": _STATUS[verdict.status],
        "page": claims.id,
    }
    for lab in (lab for lab in claims.labs if lab.lab):
        what = f"{lab.title} {lab.version}, Kubernetes {lab.kubernetes} ({lab.provider})"
        lines[f"lab {lab.lab}"] = f"{what}, seed {lab.seed}, {len(lab.reports)} signed reports"
    for name, value in lines.items():
        if value:
            table.add_row(_text(name, "dim"), _text(value))
    return table


def _text(value: str, style: str = "") -> Text:
    return Text(_plain(value), style)


def _plain(value: str) -> str:
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in value
    )
