"""Rules of attempts: pure decisions about one attempt and its lab."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from clusters.addons.catalogue import require_addons
from clusters.capability import Capability
from clusters.errors import EXIT_USAGE, AssayError, ClusterError, InputInvalid
from clusters.inventory import Inventory
from clusters.provider import Cluster, ClusterProvider, ClusterState
from clusters.spec import ClusterSpec
from graders.assurance import Assurance
from graders.lab import DEADLINE_FACTOR, Lab
from graders.ledger import LEARNER_LIMIT, Attempt, AttemptState, timestamp
from graders.variant import Variant, draw_variant

OWNER = "attempt:"
"""Owner of an attempt's cluster: this and the attempt's id."""


class AttemptEnded(AssayError):
    """The attempt is not open any more, or not yet."""

    exit_code = EXIT_USAGE


class CapabilityMissing(ClusterError):
    """The lab needs more than the clusters of this installation offer."""


def draft_attempt(
    lab: Lab, learner: str, provider: str, *, seed: int | None, assurance: Assurance
) -> Attempt:
    """Return a new attempt that is not in the ledger yet.

    Raises:
        InputInvalid: the learner's name cannot be stored.
    """
    if not 0 < len(learner) <= LEARNER_LIMIT or not learner.isprintable():
        raise InputInvalid([f"learner: use 1 to {LEARNER_LIMIT} printable characters"])
    id = secrets.token_hex(16)
    now = datetime.now(UTC)
    drawn_from = secrets.randbits(63) if seed is None else seed
    return Attempt(
        id=id,
        learner=learner,
        lab=lab.slug,
        lab_version=lab.version,
        seed=drawn_from,
        drawn=draw_variant(lab.document.parameters, drawn_from).values,
        state=AttemptState.STARTING,
        provider=provider,
        cluster=f"{lab.slug}-{id[:8]}",
        assurance=assurance.value,
        started_at=timestamp(now),
        deadline_at=timestamp(now + timedelta(minutes=lab.document.minutes * DEADLINE_FACTOR)),
    )


def missing_capabilities(lab: Lab, provider: ClusterProvider) -> list[Capability]:
    """Return what the lab needs and the clusters of the provider do not offer."""
    return sorted(lab.needs - provider.capabilities)


def require_capabilities(lab: Lab, provider: ClusterProvider) -> None:
    """Refuse a lab that needs more than the provider offers.

    Raises:
        CapabilityMissing: naming what is missing.
        InputInvalid: it asks for add-ons that there are not.
    """
    if missing := missing_capabilities(lab, provider):
        raise CapabilityMissing(
            f"the lab {lab.slug} needs {', '.join(missing)}, which clusters of the provider "
            f"{provider.name} do not offer on this host; see `assay doctor`"
        )
    require_addons(lab.document.addons, provider.name, provider.capabilities)


def variant_of(attempt: Attempt, lab: Lab) -> Variant:
    """Return the parameters of an attempt: those that it started with, whatever the lab is now.

    A parameter that the lab got since is drawn from the attempt's seed.
    """
    drawn = draw_variant(lab.document.parameters, attempt.seed)
    return replace(drawn, values={**drawn.values, **attempt.drawn})


def owner_of(attempt: Attempt) -> str:
    """Return by which name an attempt answers for its cluster."""
    return f"{OWNER}{attempt.id}"


def spec_of(attempt: Attempt, lab: Lab, inventory: Inventory) -> ClusterSpec:
    """Return what the cluster of an attempt is to contain."""
    return ClusterSpec(
        attempt.cluster,
        inventory,
        owner=owner_of(attempt),
        capabilities=lab.needs - {Capability.SCHEDULING},
        addons=lab.document.addons,
    )


def seat_of(learner: str, lab: str) -> str:
    """Return by which name the start of a lab stands in the queue."""
    return f"{learner}/{lab}"


def choose_tasks(lab: Lab, tasks: Sequence[str] | None) -> tuple[str, ...]:
    """Return the ids of the asked tasks, of all when None, in the order of the lab.

    Raises:
        InputInvalid: the lab has no such task, or none is asked for.
    """
    if tasks is None:
        return lab.task_ids
    known = ", ".join(lab.task_ids)
    if unknown := [task for task in tasks if task not in lab.task_ids]:
        raise InputInvalid([f"{lab.slug} has no task {task!r}; it has {known}" for task in unknown])
    if not tasks:
        raise InputInvalid([f"name at least one task of {lab.slug}: {known}"])
    return tuple(task for task in lab.task_ids if task in tasks)


def is_due(attempt: Attempt) -> bool:
    """Return whether the time of an attempt is over."""
    return timestamp(datetime.now(UTC)) > attempt.deadline_at


def why_not_open(attempt: Attempt) -> str:
    """Say why nothing can be done in an attempt, and what to do."""
    again = f"start {attempt.lab} again for a new one"
    match attempt.state:
        case AttemptState.STARTING:
            return f"attempt {attempt.id} is still starting; wait until it is open"
        case AttemptState.FINISHED:
            return f"attempt {attempt.id} was finished at {attempt.finished_at}; {again}"
        case AttemptState.EXPIRED:
            return f"the time of attempt {attempt.id} was over at {attempt.deadline_at}; {again}"
        case _:
            return f"attempt {attempt.id} is broken ({attempt.problem}); {again}"


def version_problem(attempt: Attempt, lab: Lab) -> str:
    """Say why checks of today's lab cannot judge a cluster that an older lab set up.

    A change of the patch number promises that the lab still sets up and asks for the same.
    """
    if attempt.lab_version.split(".")[:2] == lab.version.split(".")[:2]:
        return ""
    return (
        f"the lab changed from version {attempt.lab_version} to {lab.version} after you started; "
        "finish this attempt and start again"
    )


def cluster_problem(cluster: Cluster) -> str:
    """Say which part of a cluster does not run; empty when all do."""
    if dead := [c.name for c in cluster.components if c.pid is None]:
        verb = "does" if len(dead) == 1 else "do"
        return f"{', '.join(dead)} of the cluster {verb} not run"
    if cluster.state is not ClusterState.READY:
        return f"the cluster is {cluster.state}"
    return ""
