"""Documents: what a declarative check consists of, read strictly, all problems at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from graders.lab import TaskId
from graders.matching import Hidden, pattern_problems
from graders.matching.telling import reveal


def _must_be_pattern(value: Any) -> Any:
    if problems := list(pattern_problems(value)):
        raise ValueError("; ".join(problems))
    return value


def _must_not_hide(value: Any) -> Any:
    if isinstance(value, Hidden):
        raise ValueError("tells the learner a parameter that is an answer")
    return value


def _must_be_short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_EXPRESSION:
        raise ValueError(f"must have at most {LONGEST_EXPRESSION} characters")
    return value


LONGEST_EXPRESSION = 2000
"""Characters of an expression."""
REQUIREMENTS = 40
"""Requirements of one check."""
Text = Annotated[str, BeforeValidator(reveal), Field(min_length=1)]
Told = Annotated[str, BeforeValidator(_must_not_hide)]
Pattern = Annotated[Any, BeforeValidator(_must_be_pattern)]
Expression = Annotated[str, BeforeValidator(_must_be_short), Field(min_length=1)]
QUANTIFIERS = ("every", "any", "none")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Owner(_Strict):
    """The object that others must belong to, by uid, perhaps through others."""

    kind: Text
    name: Text
    api_version: Text | None = Field(default=None, alias="apiVersion")


class Selection(_Strict):
    """One object by its name, or a set of objects."""

    kind: Text
    """As in a manifest."""
    api_version: Text | None = Field(default=None, alias="apiVersion")
    """Needed for kinds that several groups have."""
    name: Text | None = None
    """The one object; a set is meant without it."""
    namespace: Text | None = None
    """Where; in all namespaces without it."""
    selector: Text | None = None
    """Of a set: only those with these labels, for example `app=web`."""
    owned_by: Owner | None = None
    """Only those that belong to this object."""
    alive: bool = False
    """Only those that are not being deleted."""

    @model_validator(mode="after")
    def _one_or_set(self) -> Selection:
        if self.name is not None and (self.selector or self.owned_by):
            raise ValueError("selector and owned_by choose a set; leave name out")
        if self.owned_by is not None and self.namespace is None:
            raise ValueError("owned_by: needs the namespace of the owner")
        return self


class Expect(Selection):
    """Requires objects to be as a pattern says."""

    matches: Pattern = None
    """Of the one object: what it must be like."""
    absent: Literal[True] | None = None
    """The one object must not be there."""
    every: Pattern = None
    """Every object of the set must be like this, and there must be one."""
    any: Pattern = None
    """At least one object of the set must be like this."""
    none: Pattern = None
    """No object of the set may be like this, and there must be one."""
    count: Pattern = None
    """How many objects the set must have."""
    bound_by: Text | None = None
    """Who must have given every Pod of the subject its node."""
    allocated_by: Text | None = None
    """Who must have allocated every ResourceClaim of the subject."""

    @model_validator(mode="after")
    def _says_what(self) -> Expect:
        quantified = [key for key in QUANTIFIERS if getattr(self, key) is not None]
        if len(quantified) > 1:
            raise ValueError(f"give one of {', '.join(quantified)}; write several requirements")
        if self.name is None and (self.matches is not None or self.absent):
            raise ValueError("matches and absent are for one object: give a name, or use every")
        if self.name is not None and (quantified or self.count is not None):
            raise ValueError("every, any, none and count are for sets: use matches, or leave name")
        if self.absent and (self.matches is not None or self.bound_by or self.allocated_by):
            raise ValueError("absent: what is not there cannot be like something")
        if not (quantified or self.absent or self.bound_by or self.allocated_by) and (
            self.matches is None and self.count is None
        ):
            raise ValueError("say what is expected: matches, absent, every, any, none or count")
        return self


class CelSelection(Selection):
    """Objects that an expression is about."""

    may_be_empty: bool = False
    """Whether a set without objects is asked about too; otherwise it fails the task."""


class Cel(_Strict):
    """Requires an expression of the Common Expression Language to be true."""

    objects: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], CelSelection] = Field(
        default_factory=dict
    )
    """By the names that the expression uses: an object, or a list of objects."""
    expression: Expression
    found: Expression | None = None
    """An expression for a text that says what there is instead."""

    @model_validator(mode="after")
    def _names_are_free(self) -> Cel:
        if taken := sorted({"params", "baseline"} & set(self.objects)):
            raise ValueError(f"objects: {taken[0]} is taken")
        return self


class CanI(_Strict):
    """Requires that somebody may, or may not, do something."""

    verb: Text
    resource: Text
    """Plural, also with a subresource or a group: `pods/log`, `deployments.apps`."""
    namespace: Text | None = None
    name: Text | None = None
    user: Text | None = None
    service_account: Text | None = None
    """`namespace/name`."""
    groups: tuple[Text, ...] = ()
    allowed: bool
    """Whether they must be allowed to."""

    @model_validator(mode="after")
    def _who(self) -> CanI:
        if (self.user is None) == (self.service_account is None):
            raise ValueError("give either user or service_account")
        return self


class Endpoint(_Strict):
    """A port of a Service, asked through the API server."""

    service: Text
    namespace: Text
    port: Annotated[str | int, BeforeValidator(reveal)]
    """Number or name."""
    scheme: Literal["http", "https"] = "http"


class Http(Endpoint):
    """Requires a Service to answer a GET."""

    path: Annotated[str, BeforeValidator(reveal), Field(pattern=r"^/")] = "/"
    status: Pattern = 200
    headers: Pattern = None
    """Of the answer; their names in lower case."""
    body: Pattern = None
    """The text of the answer."""
    json_: Pattern = Field(default=None, alias="json")
    """The answer as JSON."""


class PromQL(Endpoint):
    """Requires a query to Prometheus to give samples like a pattern: `metric` and `value`."""

    query: Annotated[str, BeforeValidator(reveal), Field(min_length=1, max_length=2000)]
    every: Pattern = None
    any: Pattern = None
    none: Pattern = None

    @model_validator(mode="after")
    def _one_quantifier(self) -> PromQL:
        if len([key for key in QUANTIFIERS if getattr(self, key) is not None]) != 1:
            raise ValueError("give exactly one of every, any, none")
        return self


VERBS = ("expect", "cel", "can_i", "http", "promql")


class Requirement(_Strict):
    """One thing that must hold."""

    expect: Expect | None = None
    cel: Cel | None = None
    can_i: CanI | None = None
    http: Http | None = None
    promql: PromQL | None = None
    message: Told = ""
    """One sentence for the learner when it does not hold."""
    hint: Told = ""
    """Where to look; never the answer."""

    @model_validator(mode="after")
    def _one_verb(self) -> Requirement:
        if len([verb for verb in VERBS if getattr(self, verb) is not None]) != 1:
            raise ValueError(f"give exactly one of {', '.join(VERBS)}")
        if self.cel is not None and not self.message:
            raise ValueError("message: is missing; nobody can read an expression for an answer")
        return self


class CheckDocument(_Strict):
    """One declarative check: everything that its task requires."""

    api_version: Literal["assay.dev/v1"] = Field(alias="apiVersion")
    kind: Literal["Check"]
    task: TaskId
    require: tuple[Requirement, ...] = Field(min_length=1, max_length=REQUIREMENTS)


def quantified(entry: Expect | PromQL) -> tuple[str, Any] | None:
    """Return the quantifier that was given and its pattern, if one was."""
    patterns: Mapping[str, Any] = {key: getattr(entry, key) for key in QUANTIFIERS}
    return next(((key, value) for key, value in patterns.items() if value is not None), None)
