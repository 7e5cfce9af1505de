"""Attempt: one try of one learner at one lab, as the ledger remembers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import Row

from graders.ledger.tables import LIVE_STATES, AttemptRow, AttemptState
from graders.parameters import Value

_SECRET = frozenset({"seed", "baseline", "drawn"})
"""They give answers away and never leave the platform."""


@dataclass(frozen=True)
class Attempt:
    """One try of one learner at one lab."""

    id: str
    """32 hexadecimal digits."""
    learner: str
    lab: str
    """Slug of the lab."""
    lab_version: str
    seed: int
    """Draws the parameters; gives the answers away."""
    state: AttemptState
    provider: str
    """Name of the cluster provider."""
    cluster: str
    """Name of its cluster, decided before the cluster exists."""
    assurance: str
    """`practice`, `isolated` or `proctored`."""
    started_at: str
    """RFC 3339, UTC; so are the two below."""
    deadline_at: str
    finished_at: str = ""
    """Empty while it is live."""
    cluster_uid: str = ""
    """uid of the namespace kube-system; empty until it is open."""
    kubernetes: str = ""
    """Version of the API server; empty until it is open."""
    baseline: Mapping[str, Any] = field(default_factory=dict)
    """What was recorded after set-up, before the learner could act."""
    drawn: Mapping[str, Value] = field(default_factory=dict)
    """The parameters as the seed drew them at the start; empty in attempts of before."""
    problem: str = ""
    """Why it is broken, for people."""

    @property
    def live(self) -> bool:
        """Whether it is starting or open, so that it holds a cluster."""
        return self.state in LIVE_STATES

    def to_json(self) -> dict[str, Any]:
        """Return what the learner and the site may see: nothing that tells an answer."""
        document = {k: v for k, v in asdict(self).items() if k not in _SECRET}
        return {**document, "state": self.state.value}

    @classmethod
    def from_row(cls, row: AttemptRow | Row[Any]) -> Attempt:
        """Make an Attempt of its row."""
        values = {f.name: getattr(row, f.name) for f in fields(cls)}
        return cls(**{**values, "state": AttemptState(row.state)})

    def to_row(self) -> AttemptRow:
        """Return the row that stores it."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        plain = {"baseline": dict(self.baseline), "drawn": dict(self.drawn)}
        return AttemptRow(**{**values, **plain, "state": self.state.value})
