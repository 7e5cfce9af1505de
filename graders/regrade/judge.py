"""Judge: a process that loads a lab once and judges bundles, one after the other.

Started by `graders.regrade.bench`, never by hand:

    python -m graders.regrade.judge

Standard input: one line, the Brief; then for each bundle a line, the Case, and its compressed
bytes. Answers go out sealed, on the descriptor that the brief names. It may read Python and the
lab's folder, has no network, and ends with its standard input.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from pydantic import BaseModel, ConfigDict

from clusters.errors import AssayError
from graders.bundles.bundle import BundleDamaged, digest_of, read_bundle, unpack
from graders.bundles.redaction import MARK
from graders.conduct import Conduct
from graders.kubeconfig import Access
from graders.lab import Lab, load_lab
from graders.messages import Kind, Order, OrderedTask, Sender
from graders.regrade.judging import JudgingPlugin, RecordedPlace, machine
from graders.rendering import render_safeguards
from graders.report import CheckResult
from graders.variant import Variant, answers_in
from graders.workers.confinement import confine
from graders.workers.lab_zygote import pytest_arguments

_COLLECT_EVERY = 8
"""Bundles between two collections of garbage. Left alone, Python looks through every bundle that is
read, again and again while it is read, which takes a fifth of the time."""


class Brief(BaseModel):
    """What a judge is to know before the first bundle."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    """Hexadecimal key of the seals."""
    answers: int
    """Descriptor for the answers."""
    lab: Path
    """The lab's folder."""


class Case(BaseModel):
    """One bundle to judge; its compressed bytes follow."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str
    size: int
    """Number of the bytes that follow."""
    tasks: tuple[str, ...]


def main() -> None:
    """Judge bundles until there are no more."""
    stdin = os.fdopen(os.dup(0), "rb")
    brief = Brief.model_validate_json(stdin.readline())
    sender = Sender(brief.answers, brief.key)
    lab = load_lab(brief.lab)
    checks = brief.lab / "checks"
    with tempfile.TemporaryDirectory(prefix="assay-judge-") as empty:
        confine(brief.lab, None, Path(empty))
        machine.install()
        sys.addaudithook(_refuse_connections)
        sys.path.append(str(checks))  # checks may import their neighbours
        plugin = JudgingPlugin(lambda work, practice: _judge_all(plugin, lab, sender, stdin))
        code = pytest.main(pytest_arguments(checks), plugins=[plugin])
        sender.send(Kind.BROKEN, message=f"The checks cannot be loaded (pytest: {code!s})")


def _judge_all(plugin: JudgingPlugin, lab: Lab, sender: Sender, stdin: BinaryIO) -> None:
    conduct = Conduct()
    gc.collect()
    gc.freeze()
    gc.disable()
    sender.send(Kind.READY)
    for number in itertools.count(1):
        if not (line := stdin.readline()):
            break
        if number % _COLLECT_EVERY == 0:
            gc.collect()
        case = Case.model_validate_json(line)
        packed = stdin.read(case.size)
        if len(packed) < case.size:
            break
        try:
            results = _judge(plugin, lab, case, packed, conduct)
        except AssayError as error:
            sender.send(Kind.RESULT, digest=case.digest, problem=str(error))
            continue
        documents = [result.model_dump(mode="json") for result in results]
        sender.send(Kind.RESULT, digest=case.digest, results=documents)
        if conduct.problem:  # nothing may be believed after it
            break
    sys.stdout.flush()
    os._exit(0)


def _judge(
    plugin: JudgingPlugin, lab: Lab, case: Case, packed: bytes, conduct: Conduct
) -> list[CheckResult]:
    text = unpack(packed)
    if digest_of(text) != case.digest:
        raise BundleDamaged(f"the evidence {case.digest} was changed")
    bundle = read_bundle(text)
    order = _order(lab, bundle, case.tasks)
    place = RecordedPlace(order, bundle, redacted=MARK.encode() in text)
    return plugin.judge(place, conduct)


def _order(lab: Lab, bundle: Mapping[str, Any], tasks: tuple[str, ...]) -> Order:
    variant = Variant(bundle["seed"], bundle["values"])
    return Order(
        purpose="checks",
        key="",
        checks=lab.folder / "checks",
        access=Access(server="evidence", authority=""),
        audited=bundle["audited"],
        cluster_uid=bundle["cluster_uid"],
        learner=bundle["learner"],
        seed=bundle["seed"],
        values=bundle["values"],
        answers=answers_in(lab.document.parameters),
        baseline=bundle["baseline"],
        tasks=tuple(
            OrderedTask(id=task.id, seconds=task.limit, timing=task.timing)
            for task in lab.tasks
            if task.id in tasks
        ),
        safeguards=render_safeguards(lab, variant),
    )


def _refuse_connections(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and machine.replay is not None:
        raise machine.replay.refusal("what a connection that the check made by itself was told")


if __name__ == "__main__":
    main()
