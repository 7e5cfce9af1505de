"""Expecting: `expect`, objects that must be as a pattern says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graders.checks import CheckFailed, expect
from graders.declarative.choosing import choose_one, choose_set, describe_set
from graders.declarative.documents import Expect, quantified
from graders.matching import Difference, differences
from graders.matching.expectation import expect_match, name_of, not_as_expected
from graders.matching.telling import tell
from graders.view import ClusterView

Object = dict[str, Any]


def check_expect(cluster: ClusterView, entry: Expect) -> None:
    """Fail unless the objects are as expected.

    Raises:
        CheckFailed: they are not, or there are none.
        GradingError: the cluster could not be asked.
    """
    if entry.absent:
        _require_absence(cluster, entry)
        return
    if entry.name is not None:
        found = [choose_one(cluster, entry)]
        if entry.matches is not None:
            expect_match(found[0], entry.matches)
    else:
        found = choose_set(cluster, entry)
        _require_count(entry, found)
        _require_quantifier(entry, found)
    _require_provenance(cluster, entry, found)


def require_all(
    words: str, quantifier: str, pattern: Any, found: Sequence[Any], names: Sequence[str]
) -> None:
    """Fail unless a quantifier holds over things that were found.

    Args:
        words: what they are called in a sentence.
        quantifier: `every`, `any` or `none`.
        pattern: what they are compared with.
        found: the things; an empty set never holds.
        names: what each is called.

    Raises:
        CheckFailed: it does not hold.
    """
    expect(found, f"There is no {words}", expected="at least one", found="none")
    tried = [differences(thing, pattern) for thing in found]
    named = list(zip(names, tried, strict=True))
    if quantifier == "every" and any(tried):
        wrong = [Difference(_join(n, d.path), *d[1:]) for n, ds in named for d in ds]
        raise not_as_expected(f"Not every {words} is as it should be", wrong)
    if quantifier == "any" and all(tried):
        name, closest = min(named, key=lambda pair: len(pair[1]))
        wrong = [Difference(_join(name, d.path), *d[1:]) for d in closest]
        raise not_as_expected(f"No {words} is as it should be", wrong)
    if quantifier == "none" and not all(tried):
        like = [Difference(n, f"not {tell(pattern)}", "like this") for n, ds in named if not ds]
        raise not_as_expected(f"There is a {words} that should not be like this", like)


def _join(name: str, path: str) -> str:
    return f"{name}: {path}" if path else name


def _require_absence(cluster: ClusterView, entry: Expect) -> None:
    found = cluster.find(entry.kind, str(entry.name), entry.namespace, entry.api_version)
    if found is None:
        return
    going = "deletionTimestamp" in found["metadata"]
    raise CheckFailed(
        f"{name_of(found)} is still there",
        expected="(absent)",
        found="being deleted" if going else "(present)",
    )


def _require_count(entry: Expect, found: Sequence[Object]) -> None:
    if entry.count is None:
        return
    if different := differences(len(found), entry.count):
        raise not_as_expected(f"The number of {describe_set(entry)} is not right", different)


def _require_quantifier(entry: Expect, found: Sequence[Object]) -> None:
    if given := quantified(entry):
        names = [_short_name(thing) for thing in found]
        require_all(describe_set(entry), *given, found, names)


def _require_provenance(cluster: ClusterView, entry: Expect, found: Sequence[Object]) -> None:
    for wanted, who, verb in (
        (entry.bound_by, cluster.bound_by, "given its node"),
        (entry.allocated_by, cluster.allocated_by, "allocated"),
    ):
        if wanted is None:
            continue
        expect(found, f"There is no {describe_set(entry)}", expected="at least one", found="none")
        for thing in found:
            actor = who(thing).actor
            message = f"{name_of(thing)} was not {verb} by {wanted}"
            expect(actor == wanted, message, expected=wanted, found=actor)


def _short_name(thing: Object) -> str:
    metadata = thing["metadata"]
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{place}{metadata.get('name', '')}"
