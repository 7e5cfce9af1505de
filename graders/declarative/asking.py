"""Asking: runs a declarative check, every requirement of it, and says all that is not met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graders.checks import CheckFailed
from graders.declarative.documents import CanI, CheckDocument, Requirement
from graders.declarative.expecting import check_expect
from graders.declarative.traffic import check_http, check_promql
from graders.view import ClusterView


def run_check(
    document: CheckDocument,
    cluster: ClusterView,
    params: Mapping[str, Any],
    baseline: Mapping[str, Any],
) -> None:
    """Fail unless every requirement is met.

    Args:
        document: the check, filled in.
        cluster: the learner's.
        params: the parameters of the variant.
        baseline: what was recorded at the start.

    Raises:
        CheckFailed: some are not; it tells each of them.
        GradingError: one could not be asked, so nothing is known.
    """
    failures: list[CheckFailed] = []
    for requirement in document.require:
        try:
            _check(requirement, cluster, params, baseline)
        except CheckFailed as failure:
            failures.append(_in_the_authors_words(failure, requirement))
    if failures:
        raise _together(failures)


def _check(
    requirement: Requirement,
    cluster: ClusterView,
    params: Mapping[str, Any],
    baseline: Mapping[str, Any],
) -> None:
    if requirement.expect is not None:
        check_expect(cluster, requirement.expect)
    if requirement.cel is not None:
        from graders.declarative.cel import check_cel  # 50 MB that most labs do not need

        check_cel(cluster, requirement.cel, params, baseline)
    if requirement.can_i is not None:
        _check_permission(cluster, requirement.can_i)
    if requirement.http is not None:
        check_http(cluster, requirement.http)
    if requirement.promql is not None:
        check_promql(cluster, requirement.promql)


def _check_permission(cluster: ClusterView, entry: CanI) -> None:
    allowed = cluster.can_i(
        entry.verb,
        entry.resource,
        entry.namespace,
        user=entry.user,
        service_account=entry.service_account,
        groups=entry.groups,
        name=entry.name,
    )
    if allowed is entry.allowed:
        return
    who = entry.user or f"The ServiceAccount {entry.service_account}"
    where = f"in the namespace {entry.namespace}" if entry.namespace else "in all namespaces"
    may = {True: "may", False: "may not"}
    what = f"{entry.verb} {entry.resource}"
    raise CheckFailed(
        f"{who} {may[allowed]} {what} {where}",
        expected=f"{may[entry.allowed]} {what}",
        found=f"{may[allowed]} {what}",
    )


def _in_the_authors_words(failure: CheckFailed, requirement: Requirement) -> CheckFailed:
    message = requirement.message or failure.message
    hint = requirement.hint or failure.hint
    return CheckFailed(message, failure.expected, failure.found, hint)


def _together(failures: Sequence[CheckFailed]) -> CheckFailed:
    """Return one failure that tells all; a part that several say is told once."""
    if len(failures) == 1:
        return failures[0]
    return CheckFailed(
        "; ".join(dict.fromkeys(failure.message for failure in failures)),
        "\n".join(dict.fromkeys(f.expected for f in failures if f.expected)),
        "\n".join(dict.fromkeys(f.found for f in failures if f.found)),
        "\n".join(dict.fromkeys(f.hint for f in failures if f.hint)),
    )
