"""Subject: whom a SubjectAccessReview asks about, and what it asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from graders.errors import RequestInvalid

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
"""Where reviews are asked."""


class Question(NamedTuple):
    """What somebody may have a right to."""

    plural: str
    group: str = ""
    subresource: str = ""

    @classmethod
    def of(cls, resource: str) -> Question:
        """Read `pods`, `pods/log` or `deployments.apps`."""
        plural, _, subresource = resource.partition("/")
        plural, _, group = plural.partition(".")
        return cls(plural, group, subresource)


def review_of(
    subject: dict[str, Any], verb: str, what: Question, namespace: str | None, name: str | None
) -> dict[str, Any]:
    """Return the review that asks whether a subject may do something."""
    attributes = {
        "verb": verb,
        "group": what.group,
        "resource": what.plural,
        "subresource": what.subresource,
        "namespace": namespace or "",
        "name": name or "",
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {**subject, "resourceAttributes": attributes},
    }


def subject_of(
    user: str | None, service_account: str | None, groups: Sequence[str]
) -> dict[str, Any]:
    """Return user and groups for a review, of a user or of a ServiceAccount (`namespace/name`).

    Raises:
        RequestInvalid: not exactly one of the two is given.
    """
    if (user is None) == (service_account is None):
        raise RequestInvalid("can_i: give either user or service_account")
    if service_account is None:
        return {"user": user, "groups": ["system:authenticated", *groups]}
    namespace, _, name = service_account.partition("/")
    return {
        "user": f"system:serviceaccount:{namespace}:{name}",
        "groups": [
            "system:serviceaccounts",
            f"system:serviceaccounts:{namespace}",
            "system:authenticated",
            *groups,
        ],
    }
