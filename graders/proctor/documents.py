"""Documents: what goes in and out of the proctor's API, for its published description.

What comes in is held to these; what goes out is described by them and held to them in tests.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from graders.lab import SLUG, TASK_ID
from graders.ledger import LEARNER_LIMIT, AttemptState
from graders.ledger.statements import TEXT_LIMIT, Answer, Appeal, Effect, Override
from graders.report import Outcome

TASKS_LIMIT = 40
"""Tasks of a lab, see `graders.lab`."""
LabSlug = Annotated[str, StringConstraints(pattern=SLUG)]
TaskId = Annotated[str, StringConstraints(pattern=TASK_ID)]


class _Document(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class _Body(_Document):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class StartBody(_Body):
    """What the spawner sends to start a lab."""

    learner: str = Field(min_length=1, max_length=LEARNER_LIMIT)
    lab: str = Field(pattern=SLUG)
    assurance: Literal["practice", "isolated"] = "practice"


class PauseBody(_Body):
    """Whose notebook was closed."""

    learner: str = Field(min_length=1, max_length=LEARNER_LIMIT)
    lab: str = Field(pattern=SLUG)


class Paused(_Document):
    """Whether a cluster is frozen now."""

    paused: bool


class CheckBody(_Body):
    """Which tasks to check; all of them without a list."""

    tasks: list[TaskId] | None = Field(default=None, min_length=1, max_length=TASKS_LIMIT)


class ResetBody(_Body):
    """To where a cluster is taken back."""

    to: TaskId | None = None
    """To before this task; to the start of the lab without one."""


class CheckpointDocument(_Document):
    """A moment to which the cluster of an attempt can be taken back."""

    to: str
    """Id of the task before which it was; empty for the start of the lab."""
    after: str
    """Id of the task that had just passed then; empty for the start of the lab."""
    taken_at: str
    """RFC 3339 with microseconds, UTC."""


class AttemptsQuery(_Body):
    """Which of the caller's attempts are meant."""

    lab: LabSlug | None = None


class Ticket(_Document):
    """Lets a browser follow one attempt."""

    ticket: str
    """Value of the cookie `assay-ticket`."""
    seconds: float
    """How long it lets somebody in."""


class LabAttemptsQuery(_Body):
    """Which attempts at a lab are meant."""

    state: AttemptState | None = None


class AppealsQuery(_Body):
    """Which appeals are meant."""

    lab: LabSlug | None = None
    open: bool = True
    """Only those that wait for an answer."""


class AppealBody(_Body):
    """A learner's objection to the verdict on a task."""

    task: TaskId
    text: str = Field(min_length=1, max_length=TEXT_LIMIT)


class AnswerBody(_Body):
    """An instructor's answer to an appeal."""

    accepted: bool
    """Whether the learner is right."""
    text: str = Field(min_length=1, max_length=TEXT_LIMIT)


class OverrideBody(_Body):
    """An instructor's decision about a task."""

    task: TaskId
    effect: Effect
    reason: str = Field(min_length=1, max_length=TEXT_LIMIT)


class Health(_Document):
    """The answer of a proctor that lives."""

    status: Literal["ok"]


class Problem(_Document):
    """Why a request was not answered (RFC 9457)."""

    title: str
    """What the status means."""
    status: int
    detail: str
    """One sentence for people: what is wrong, and what to do."""


class AttemptDocument(_Document):
    """One try of one learner at one lab; neither seed nor baseline, which give answers away."""

    id: str
    learner: str
    lab: str
    lab_version: str
    state: AttemptState
    provider: str
    cluster: str
    assurance: str
    started_at: str
    """RFC 3339, UTC; so are the two below."""
    deadline_at: str
    finished_at: str
    """Empty while it is live."""
    cluster_uid: str
    kubernetes: str
    problem: str
    """Why it is broken; empty unless it is."""


class TaskDocument(_Document):
    """How far one task of an attempt is."""

    id: str
    title: str
    points: int
    done: bool
    """Whether it passed at least once."""
    done_at: str
    """RFC 3339, UTC; empty while it is not done. So is `checked_at`, of the newest check."""
    outcome: Literal[Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, ""]
    """Of the newest check; empty before the first one. So are the fields below."""
    message: str
    expected: str
    found: str
    hint: str
    checked_at: str
    regraded: str
    """Why its verdict was changed afterwards; empty where it was not."""
    override: Override | None
    """What an instructor decided by hand; null where the checks decide."""


class AttemptWithTasks(AttemptDocument):
    """An attempt and its tasks."""

    reports: int
    """How many the ledger has of it."""
    extensions_left: int
    """How often its time can still be extended."""
    warning: str
    """That its time is nearly over; empty while there is enough."""
    tasks: list[TaskDocument]


class AppealDocument(Appeal):
    """An appeal and its answer."""

    answer: Answer | None
    """None while nobody has answered."""


class SignedReportDocument(_Document):
    """A report as it was signed."""

    body: str
    """The canonical JSON of the report."""
    previous: str
    """Link of the report before it."""
    link: str
    """SHA-256 of `previous`, a line feed and `body`, in hexadecimal."""
    signature: str
    """Ed25519 over the link; base64."""


class ExportDocument(_Document):
    """Everything that was signed about one attempt; verifiable by anybody anywhere."""

    schema_: str = Field(alias="schema")
    attempt: AttemptDocument
    public_key: str
    """PEM."""
    reports: list[SignedReportDocument]


class EvidenceDocument(_Document):
    """What the checks of one report were told, see `graders.bundles.bundle`."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    schema_: Literal["assay.dev/evidence/v1"] = Field(alias="schema")
    tasks: dict[str, Any]
    """By task: outcome, message, seconds, and the recording of the check."""
    objects: dict[str, Any]
    """What was said, by the name that the recordings use."""


class VerificationDocument(_Document):
    """Whether the ledger still says what the proctor signed."""

    true: bool
    problems: list[str]
    """One sentence each."""


class ClustersDocument(_Document):
    """Who has which cluster, what waits ready, and who waits; see `clusters.broker.overview`."""

    clusters: list[dict[str, Any]]
    """As `assay cluster list --json` shows them."""
    leases: list[dict[str, Any]]
    pool: list[dict[str, Any]]
    """For each flavour: `wanted`, `ready` and `incomplete`."""
    waiting: list[str]
    """Seats in the queue, the next one first."""
    wait_seconds: float | None
    """What somebody may expect who finds no room now; null where nothing is known."""
    limit: int
    """Clusters that fit here."""
    memory: dict[str, Any]
    """Bytes in all and available; percent of time lost to waiting for memory."""
    problem: str
    """What is wrong with `pool.yaml`; empty when nothing is."""


class ReportCardDocument(_Document):
    """What the report card of a lab says about the lab as it is now."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    state: Literal["green", "stale", "red", "missing"]
    sentence: str
    card: dict[str, Any] | None
    """The newest card, without its runs; null where there is none."""
