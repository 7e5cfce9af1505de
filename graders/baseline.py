"""Baseline: what a lab records of the starting state, before the learner can act.

`checks/baseline.py`, where a lab has one, defines

    def record(cluster: ClusterView, variant: Variant) -> dict[str, Any]: ...

and its answer (uids, above all) comes back to the checks as the fixture `baseline`. A baseline of
nothing would let every later comparison pass, so it is refused.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clusters.provider import Cluster
from graders.checks import CheckFailed
from graders.conduct import Conduct
from graders.errors import GradingError
from graders.kubeconfig import read_access
from graders.lab import Lab
from graders.messages import Kind, Order, OrderedTask
from graders.rendering import render_safeguards
from graders.safeguards.recording import KEY, record_safeguards
from graders.turns import turn
from graders.variant import Variant
from graders.view import ClusterView
from graders.workers.family import WorkerFailed
from graders.workers.pool import the_pool
from graders.workers.process import WorkerProcess
from graders.workers.workplace import Workplace

log = logging.getLogger(__name__)

FILE = "baseline.py"
SECONDS = 60
"""Time to record."""
_GRACE_SECONDS = 10.0


def record_baseline(lab: Lab, variant: Variant, cluster: Cluster) -> dict[str, Any]:
    """Record the starting state of a cluster, in a process of its own.

    Returns:
        What the lab recorded, and under `safeguards` the objects of its safeguards; nothing for a
        lab that has neither.

    Raises:
        GradingError: it could not be recorded; the sentence says why.
    """
    if not (lab.folder / "checks" / FILE).is_file() and not lab.document.safeguards:
        return {}

    pool = the_pool()
    with turn(cluster.grader_kubeconfig):
        with pool.worker(_order(lab, variant, cluster), cluster.audit_log) as worker:
            try:
                return _listen(worker)
            except GradingError as error:
                log.warning("lab %s: worker's output:\n%s", lab.slug, worker.output)
                raise GradingError(f"The baseline could not be recorded: {error}") from error


def _listen(worker: WorkerProcess) -> dict[str, Any]:
    for message in worker.messages():
        match message:
            case {"kind": Kind.READY}:
                worker.allow(SECONDS + _GRACE_SECONDS, f"{FILE} did not end within {SECONDS} s")
            case {"kind": Kind.BASELINE, "value": dict(value)}:
                return value
            case {"kind": Kind.BROKEN, "message": str(sentence)}:
                raise WorkerFailed(sentence)
    raise WorkerFailed("nothing was recorded")


def _order(lab: Lab, variant: Variant, cluster: Cluster) -> Order:
    return Order(
        purpose="baseline",
        key=secrets.token_hex(32),
        checks=lab.folder.resolve() / "checks",
        access=read_access(cluster.grader_kubeconfig),
        cluster_uid=cluster.uid,
        learner="",
        seed=variant.seed,
        values=dict(variant.values),
        baseline={},
        tasks=(OrderedTask(id="baseline", seconds=SECONDS),),
        safeguards=render_safeguards(lab, variant),
    )


def record_in_worker(workplace: Workplace) -> None:
    """Record and send the baseline; the worker's side.

    Raises:
        GradingError: it could not be recorded.
    """
    conduct = Conduct()
    value: Any = None
    (task,) = workplace.order.tasks
    with conduct.watch(task.seconds), workplace.api() as api:
        value = _record(workplace.order, workplace.view(api))
    if conduct.problem:
        raise GradingError(conduct.problem)
    workplace.sender.send(Kind.BASELINE, value=value)


def _record(order: Order, view: ClusterView) -> dict[str, Any]:
    recorded: dict[str, Any] = {}
    path = order.checks / FILE
    if path.is_file():
        recorded = _complete(_call(_load_record(path), view, Variant(order.seed, order.values)))
    if KEY in recorded:
        raise GradingError(f"{FILE}: record() must not return {KEY!r}: lab.yaml says what they are")
    if order.safeguards:
        recorded[KEY] = record_safeguards(view, order.safeguards)
    return recorded


def _load_record(path: Path) -> Callable[[ClusterView, Variant], Any]:
    spec = importlib.util.spec_from_file_location("baseline", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        record: Callable[[ClusterView, Variant], Any] = module.record
    except (Exception, SystemExit) as error:
        raise GradingError(f"{path.name}: {type(error).__name__}: {error}") from error
    return record


def _call(
    record: Callable[[ClusterView, Variant], Any], view: ClusterView, variant: Variant
) -> Any:
    try:
        return record(view, variant)
    except GradingError:
        raise
    except CheckFailed as error:
        raise GradingError(error.message) from error
    except (Exception, SystemExit) as error:
        raise GradingError(f"{FILE}: {type(error).__name__}: {error}") from error


def _complete(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise GradingError(f"{FILE}: record() must return a dictionary that is not empty")
    if empty := sorted(str(key) for key, item in value.items() if item in (None, "", [], {}, ())):
        raise GradingError(f"{FILE}: record() found nothing for {', '.join(empty)}")
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise GradingError(f"{FILE}: record() must return plain JSON values: {error}") from error
    return value
