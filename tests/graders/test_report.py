"""The report: a document with a version and a published schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from graders.lab import Lab
from graders.report import SCHEMA, CheckResult, Outcome, Report, report_json_schema
from graders.runner import GradingJob, grade

PUBLISHED = Path(__file__).parents[2] / "docs" / "report.schema.json"


def report(*outcomes: Outcome) -> Report:
    results = tuple(
        CheckResult(task=f"task-{number}", outcome=outcome, message="Zoë's")
        for number, outcome in enumerate(outcomes)
    )
    return Report(
        id="1",
        lab="a-lab",
        lab_version="1.0.0",
        attempt="a",
        learner="ada",
        started_at="2026-01-01T00:00:00Z",
        finished_at="2026-01-01T00:00:01Z",
        results=results,
    )


def test_the_published_schema_is_that_of_the_code() -> None:
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))

    assert published == report_json_schema(), (
        "write it anew: python -m graders.report > docs/report.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(published)


@pytest.mark.cluster
def test_a_real_report_is_valid(
    write_lab: Callable[..., Lab], make_job: Callable[..., GradingJob]
) -> None:
    lab = write_lab(
        """
        from graders import check

        @check("passes")
        def test_passes(cluster):
            assert cluster.list("Node")
            assert cluster.find("Pod", "gone", "default") is None
            cluster.audit("create", "nodes")

        @check("fails")
        def test_fails(cluster): cluster.get("Pod", "gone", "default")

        @check("breaks")
        def test_breaks(): raise ValueError
        """,
        passes=5, fails=5, breaks=5,
    )  # fmt: skip

    document = json.loads(grade(make_job(lab)).canonical())

    assert [result["outcome"] for result in document["results"]] == ["passed", "failed", "error"]
    assert {e["kind"] for e in document["results"][0]["evidence"]} > {"NodeList", "AuditEvent"}
    jsonschema.validate(document, report_json_schema(), jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "change",
    [
        {"results": [{"task": "a", "outcome": "skipped", "message": ""}]},
        {"results": [{"task": "a", "outcome": "passed"}]},
        {"schema": "assay.dev/report/v2"},
        {"score": 100},
    ],
)
def test_another_document_is_not_valid(change: dict[str, Any]) -> None:
    document = {**report(Outcome.PASSED).to_json(), **change}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, report_json_schema())
    with pytest.raises(ValidationError):
        Report.model_validate(document)


def test_a_report_is_the_same_after_a_journey() -> None:
    there = report(Outcome.PASSED, Outcome.ERROR)

    back = Report.model_validate_json(there.canonical())

    assert back == there
    assert back.canonical() == there.canonical()
    assert b'"schema":"%s"' % SCHEMA.encode() in there.canonical()
    assert "Zoë" in there.canonical().decode()


def test_only_passes_make_a_pass_and_nothing_is_none() -> None:
    assert report(Outcome.PASSED, Outcome.PASSED).passed
    assert not report(Outcome.PASSED, Outcome.ERROR).passed
    assert not report(Outcome.PASSED, Outcome.FAILED).passed
    assert not report().passed
