"""What a lab's checks import: the view of the cluster, and how a check says no.

`ClusterView` is loaded when it is first used: it brings the Kubernetes client, which the site and
the command line do not need.
"""

from typing import TYPE_CHECKING, Any

from graders.checks import CheckFailed, check, expect
from graders.matching import expect_match, hidden
from graders.variant import Variant

if TYPE_CHECKING:
    from graders.view import ClusterView

__all__ = [
    "CheckFailed",
    "ClusterView",
    "Variant",
    "check",
    "expect",
    "expect_match",
    "hidden",
]


def __getattr__(name: str) -> Any:
    if name == "ClusterView":
        from graders.view import ClusterView

        return ClusterView
    raise AttributeError(f"module 'graders' has no attribute {name!r}")
