"""Matching: whether an object is as a pattern says, and where it is not, path by path.

    expect_match(
        cluster.get("Deployment", "web", "shop"),
        {
            "spec": {
                "replicas": {"$ge": 2},
                "template": {"spec": {"containers": {"$any": {"image": "nginx:1.29"}}}},
            }
        },
    )

A pattern is a tree of which only what it names is compared. How it is written is said in
docs/declarative-checks.md.
"""

from graders.matching.expectation import expect_match
from graders.matching.patterns import PatternInvalid, pattern_problems
from graders.matching.quantities import parse_quantity
from graders.matching.telling import Difference, Hidden, hidden
from graders.matching.tree import differences

__all__ = [
    "Difference",
    "Hidden",
    "PatternInvalid",
    "differences",
    "expect_match",
    "hidden",
    "parse_quantity",
    "pattern_problems",
]
