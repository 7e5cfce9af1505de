"""Statements: what people say about verdicts. They stand beside the verdicts and change none.

    Override    an instructor settles a task by hand, with a reason
    Appeal      a learner objects to the verdict on a task
    Answer      an instructor answers an appeal

Each is signed and chained like a report, in a chain of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from clusters.errors import EXIT_USAGE, AssayError, InputInvalid
from graders.report import Moment

TEXT_LIMIT = 4000
"""Characters of a reason, an appeal or an answer."""


class AppealPending(AssayError):
    """The learner's earlier appeal on this task is not answered yet."""

    exit_code = EXIT_USAGE


class AppealAnswered(AssayError):
    """The appeal was answered already; an answer is never changed."""

    exit_code = EXIT_USAGE


class Effect(StrEnum):
    """What an override does to a task."""

    PASSED = "passed"
    """The task counts as done, whatever the checks said."""
    FAILED = "failed"
    """The task does not count as done, whatever the checks said."""
    WITHDRAWN = "withdrawn"
    """An earlier override no longer holds; the checks decide again."""


class _Statement(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True
    )

    id: str
    """Unique; 32 hexadecimal digits."""
    attempt: str
    """Id of the attempt."""
    lab: str
    """Slug of the lab."""
    learner: str
    """Name of the learner."""
    task: str
    """Id of the task."""
    at: Moment
    """When it was said; RFC 3339, UTC."""

    def to_json(self) -> dict[str, Any]:
        """Return the document as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    def canonical(self) -> bytes:
        """Return the bytes that are hashed and signed: sorted keys, no spaces, UTF-8."""
        return json.dumps(
            self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()


class Override(_Statement):
    """An instructor settled a task by hand."""

    schema_: Literal["assay.dev/override/v1"] = Field("assay.dev/override/v1", alias="schema")
    """Version of this format."""
    effect: Effect
    """`passed`, `failed` or `withdrawn`."""
    instructor: str
    """Who decided."""
    reason: str
    """Why, in their words."""


class Appeal(_Statement):
    """A learner objects to the verdict on a task."""

    schema_: Literal["assay.dev/appeal/v1"] = Field("assay.dev/appeal/v1", alias="schema")
    """Version of this format."""
    report: str
    """Id of the newest report on the task when they objected; empty where there was none."""
    text: str
    """What they say."""


class Answer(_Statement):
    """An instructor answered an appeal. What follows from it is an override or a regrade."""

    schema_: Literal["assay.dev/answer/v1"] = Field("assay.dev/answer/v1", alias="schema")
    """Version of this format."""
    appeal: str
    """Id of the appeal."""
    instructor: str
    """Who answered."""
    accepted: bool
    """Whether the learner is right."""
    text: str
    """What they say."""


Statement: TypeAlias = Override | Appeal | Answer
_ANY: TypeAdapter[Statement] = TypeAdapter(
    Annotated[Override | Appeal | Answer, Field(discriminator="schema_")]
)


class AppealCase(NamedTuple):
    """An appeal, and its answer where it has one."""

    appeal: Appeal
    answer: Answer | None = None

    @property
    def open(self) -> bool:
        """Whether nobody has answered yet."""
        return self.answer is None

    def to_json(self) -> dict[str, Any]:
        """Return the appeal as plain JSON values, with `answer`: its answer or null."""
        return {**self.appeal.to_json(), "answer": self.answer and self.answer.to_json()}


def read_statement(body: bytes) -> Statement:
    """Return the statement that was signed.

    Raises:
        ValidationError: it is none.
    """
    return _ANY.validate_json(body)


def standing_overrides(overrides: Iterable[Override]) -> dict[tuple[str, str], Override]:
    """Return the overrides that hold, by attempt and task: the newest, unless it withdraws.

    Args:
        overrides: oldest first.
    """
    newest = {(override.attempt, override.task): override for override in overrides}
    return {key: o for key, o in newest.items() if o.effect is not Effect.WITHDRAWN}


def require_words(**texts: str) -> None:
    """Refuse a reason, an appeal or an answer that is empty, too long or not text.

    Raises:
        InputInvalid: naming each that is.
    """
    problems = [f"{name}: {problem}" for name, text in texts.items() if (problem := _wrong(text))]
    if problems:
        raise InputInvalid(problems)


def _wrong(text: str) -> str:
    if not text.strip():
        return "say something"
    if len(text) > TEXT_LIMIT:
        return f"use at most {TEXT_LIMIT} characters"
    if any(not (char.isprintable() or char in "\n\t") for char in text):
        return "use printable characters"
    return ""
