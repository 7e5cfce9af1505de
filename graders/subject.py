"""Subject: whom a SubjectAccessReview asks about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graders.errors import RequestInvalid


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
