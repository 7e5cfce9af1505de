"""How checks are written, and that the page about it tells everything and is true."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

import graders
from graders import CheckFailed, check, expect
from graders.audit import AuditEvent
from graders.checks import TASK_ATTRIBUTE
from graders.lab import Lab
from graders.probes import DryRun, Probe
from graders.report import Outcome
from graders.runner import GradingJob, grade
from graders.view import ClusterView

PAGE = (Path(__file__).parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def signature(name: str, method: object) -> str:
    """Return how a method is called, as the page writes it."""
    if isinstance(method, property):
        return name
    assert callable(method)
    parameters = list(inspect.signature(method).parameters.values())[1:]
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    return name + str(inspect.Signature(bare))


def public(cls: type) -> list[tuple[str, object]]:
    return [(name, member) for name, member in vars(cls).items() if not name.startswith("_")]


@pytest.mark.parametrize(("name", "method"), public(ClusterView))
def test_every_method_has_a_heading_with_its_exact_signature(name: str, method: object) -> None:
    assert f"### `{signature(name, method)}`" in PAGE


def test_every_heading_is_a_method() -> None:
    written = re.findall(r"^### `(\w+)", PAGE, re.MULTILINE)

    assert sorted(written) == sorted(name for name, _ in public(ClusterView))


@pytest.mark.parametrize(
    "name",
    [
        *(name for name, _ in public(Probe)),
        *(field.name for field in fields(DryRun)),
        *(field.name for field in fields(AuditEvent) if field.name != "id"),
        "succeeded",
        *("cluster", "variant", "baseline", "learner"),
    ],
)
def test_everything_that_a_check_is_given_is_on_the_page(name: str) -> None:
    assert re.search(rf"`{name}\b", PAGE)


def test_probes_wait_as_the_page_says() -> None:
    assert f"`{signature('wait_until', Probe.wait_until)}`" in PAGE
    assert f"`{signature('read', Probe.read)}`" in PAGE


@pytest.mark.cluster
def test_the_examples_run(
    write_lab: Callable[..., Lab], make_job: Callable[..., GradingJob]
) -> None:
    claim, matching, quota, baseline = EXAMPLES
    files = {"test_quota.py": quota, "baseline.py": baseline}
    lab = write_lab(claim, files=files, claim_a_gpu=30, quota=30)

    first, second = grade(make_job(lab)).results

    assert (first.outcome, first.message) == (Outcome.FAILED, "There is no Pod lab/trainer")
    assert second.outcome is Outcome.ERROR  # nobody made its namespace, and a probe must have one
    assert 'namespaces "lab" not found' in second.message
    compile(matching, "test_report.py", "exec")
    compile(baseline, "baseline.py", "exec")


def test_a_check_is_only_marked() -> None:
    def body() -> str:
        return "unchanged"

    assert check("a-task")(body) is body
    assert getattr(body, TASK_ATTRIBUTE) == "a-task"
    assert body() == "unchanged"


def test_expect_says_no_with_everything_the_learner_needs() -> None:
    expect([1], "is true enough")
    with pytest.raises(CheckFailed) as failure:
        expect(0, "It is off", expected=1, found=0, hint="Look there")

    error = failure.value
    assert isinstance(error, AssertionError)
    assert (error.message, error.expected, error.found, error.hint) == (
        "It is off",
        "1",
        "0",
        "Look there",
    )


def test_all_that_labs_import_is_there() -> None:
    assert sorted(graders.__all__) == graders.__all__
    assert all(hasattr(graders, name) for name in graders.__all__)
    assert graders.ClusterView is ClusterView
