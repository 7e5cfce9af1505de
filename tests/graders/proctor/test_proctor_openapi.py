"""The proctor's API is what its published description says, whatever is thrown at it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from graders.proctor.app import described_app

if TYPE_CHECKING:
    from tests.graders.proctor.conftest import Running

PUBLISHED = Path(__file__).parents[3] / "docs" / "openapi.json"
DOCUMENT = described_app().openapi()
OPERATIONS = {
    f"{method} {path}": entry["operationId"]
    for path, methods in DOCUMENT["paths"].items()
    for method, entry in methods.items()
}
ENDLESS = "events"
"""Its answer has no end; it has tests of its own."""
NOT_SAID: dict[str, list[Any]] = {
    # They refuse what cannot be printed, for which JSON Schema has no word.
    **{name: [positive_data_acceptance] for name in ("appeal", "answer", "override", "reset")},
    # In an address everything is text: a list of one word looks like the word.
    **{name: [negative_data_rejection] for name in ("attempts", "appeals", "attempts_of_lab")},
}
"""What an operation is not held to."""
FEW = settings(
    max_examples=15,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def test_the_published_description_is_that_of_the_code() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == DOCUMENT, (
        "write it anew: python -m graders.proctor.openapi > docs/openapi.json"
    )


def test_the_description_is_served(shared_proctor: Running) -> None:
    answer = httpx.get(f"{shared_proctor.url}/openapi.json", trust_env=False)

    assert answer.json() == DOCUMENT


def test_every_operation_is_explained_and_only_health_and_metrics_are_open() -> None:
    operations = [entry for path in DOCUMENT["paths"].values() for entry in path.values()]

    assert [entry["operationId"] for entry in operations if not entry.get("description")] == []
    assert {e["operationId"] for e in operations if not e.get("security")} == {"health", "metrics"}


@pytest.fixture(scope="module")
def classroom(shared_proctor: Running) -> Running:
    """A proctor with attempts, a report, an appeal and an override."""
    for learner in ("ada", "grace"):
        shared_proctor.start(learner)
        with shared_proctor.as_(learner) as client:
            client.post(f"/attempts/{learner}-tiny/checks")
    with shared_proctor.as_("grace") as grace:
        appeal = {"task": "first", "text": "It is there."}
        override = {"task": "second", "effect": "passed", "reason": "I saw it."}
        assert grace.post("/attempts/grace-tiny/appeals", json=appeal).status_code == 201
        assert grace.post("/attempts/grace-tiny/overrides", json=override).status_code == 201
    return shared_proctor


@pytest.mark.parametrize("who", ["grace", "ada", "carol"])
@pytest.mark.parametrize("operation", [o for o in OPERATIONS.values() if o != ENDLESS])
def test_whatever_is_asked_the_answer_is_a_documented_one(
    classroom: Running, operation: str, who: str
) -> None:
    """Good and bad requests by each role, to ids that exist and ids that do not."""
    known = {"id": appeal_of(classroom) if operation == "answer" else "grace-tiny", "slug": "tiny"}
    found = operation_of(classroom, operation)
    names = {parameter.name for parameter in found.path_parameters}
    existing = {name: value for name, value in known.items() if name in names}
    credential = "Bearer the spawner's secret" if operation == "start" else f"token token-of-{who}"

    def ask(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(
            base_url=classroom.url,
            headers={"Authorization": credential},
            excluded_checks=NOT_SAID.get(operation, []),
            timeout=20,
        )

    strategies = [found.as_strategy(GenerationMode.POSITIVE)]
    if existing:
        strategies.append(found.as_strategy(GenerationMode.POSITIVE, path_parameters=existing))
    if who == "grace" and (existing or found.query or found.body):  # all else is right
        strategies.append(found.as_strategy(GenerationMode.NEGATIVE))
    for strategy in strategies:
        FEW(given(case=strategy)(ask))()


def appeal_of(classroom: Running) -> str:
    return classroom.attempts.ledger.appeals()[0].appeal.id


def operation_of(classroom: Running, id: str) -> APIOperation[Any, Any, Any, Any]:
    schema = schemathesis.openapi.from_url(f"{classroom.url}/openapi.json")
    found = {
        entry.ok().definition.raw["operationId"]: entry.ok()
        for entry in schema.get_all_operations()
        if isinstance(entry, Ok)
    }
    return found[id]
