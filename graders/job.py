"""GradingJob: everything that is needed to grade an attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graders.bundles.held import HeldEvidence
from graders.lab import Lab, Task
from graders.report import Trigger
from graders.variant import Value, Variant, answers_in, draw_variant


@dataclass(frozen=True)
class GradingJob:
    """Everything that is needed to grade an attempt."""

    lab: Lab
    attempt: str
    """Id of the attempt."""
    learner: str
    seed: int
    """Draws the variant."""
    grader_kubeconfig: Path
    audit_log: Path | None
    cluster_uid: str
    """The cluster that is meant; another one at the same address is an error."""
    tasks: tuple[str, ...]
    """Ids of the tasks to check."""
    baseline: Mapping[str, Any] = field(default_factory=dict)
    """What `checks/baseline.py` recorded after set-up."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """For the report: `assay`, `kubernetes`, `provider`, `lab`."""
    assurance: str = ""
    """For the report: what is known of the learner's surroundings."""
    trigger: Trigger = Trigger.ASKED
    """For the report: what made the platform grade."""
    values: Mapping[str, Value] | None = None
    """The parameters as they were drawn at the start; drawn anew from the seed when None."""

    evidence: HeldEvidence | None = None
    """Holds what the checks were told until the report is kept; nothing is recorded when None."""
    seconds: float = 1800.0
    """For all checks together, so that nobody waits for ever for their turn."""

    @property
    def variant(self) -> Variant:
        """The parameters that the checks are given."""
        if self.values is None:
            return draw_variant(self.lab.document.parameters, self.seed)
        return Variant(self.seed, self.values, answers_in(self.lab.document.parameters))

    def chosen_tasks(self) -> tuple[Task, ...]:
        """Return the tasks to check, in the order of the lab."""
        return tuple(task for task in self.lab.tasks if task.id in self.tasks)
