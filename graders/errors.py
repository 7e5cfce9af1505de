"""The errors of grading: why we could not look. None of them is ever the learner's fault.

    AssayError
    ├── GradingError             a check could not be carried out; its task becomes `error`
    │   ├── ClusterUnreachable   the API server does not answer, or answers 5xx
    │   ├── CredentialRefused    the API server does not accept the grader, or is another cluster
    │   ├── RequestInvalid       the check asks for something that cannot be asked
    │   ├── ProbeRefused         something in the cluster refused or changed the grader's probe
    │   └── AuditIncomplete      the audit log does not say who did it
    └── Cancelled                whoever asked for the grading does not want it any more

A check that says no raises `graders.checks.CheckFailed`, which is no GradingError.
"""

from __future__ import annotations

from clusters.errors import AssayError


class GradingError(AssayError):
    """A check could not be carried out; `str()` is one sentence for people."""


class ClusterUnreachable(GradingError):
    """The API server does not answer, answers too late, or answers 5xx."""


class CredentialRefused(GradingError):
    """The API server does not accept the grader's credential, or it is not the right cluster."""


class RequestInvalid(GradingError):
    """The check asks for something that cannot be asked: a mistake of the lab's author."""


class ProbeRefused(GradingError):
    """Something in the cluster refused, changed or removed an object that the grader made."""


class AuditIncomplete(GradingError):
    """The audit log is missing or does not hold the event that must be there."""


class Cancelled(AssayError):
    """The grading was ended on request, so there is no Report; no GradingError, as it is no fault.

    What was heard of single tasks before counts for nothing.
    """
