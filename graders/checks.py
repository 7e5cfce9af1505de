"""Check: the function that says whether a task is done, and how it says no.

    from graders import ClusterView, Variant, check, expect

    @check("claim-a-gpu")
    def test_the_pod_has_its_claim(cluster: ClusterView, variant: Variant) -> None:
        pod = cluster.get("Pod", "trainer", namespace="lab")

        expect(pod["status"]["phase"] == "Running", "The Pod lab/trainer does not run",
               expected="Running", found=pod["status"]["phase"], hint="kubectl describe pod")

An `AssertionError` is `failed`: the learner's. Anything else a check raises is `error`: ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

TASK_ATTRIBUTE = "__assay_task__"


def check(task: str) -> Callable[[F], F]:
    """Mark a pytest function as the check of a task; it only sets an attribute."""

    def mark(function: F) -> F:
        setattr(function, TASK_ATTRIBUTE, task)
        return function

    return mark


class CheckFailed(AssertionError):
    """The task is not done; says what was expected, what was found and where to look."""

    def __init__(self, message: str, expected: object = "", found: object = "", hint: str = ""):
        super().__init__(message)
        self.message = message
        self.expected = str(expected)
        self.found = str(found)
        self.hint = hint


def expect(
    condition: object, message: str, *, expected: object = "", found: object = "", hint: str = ""
) -> None:
    """Fail the check with a message for the learner unless `condition` is true.

    Raises:
        CheckFailed: the condition is false.
    """
    if not condition:
        raise CheckFailed(message, expected, found, hint)
