"""The published description of the proctor's API (OpenAPI 3.1): `docs/openapi.json`.

`python -m graders.proctor.openapi` prints it.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from graders.proctor.documents import Problem

PROBLEM = "application/problem+json"
_DESCRIPTION = """\
Attempts at labs, the checks of their tasks, and what instructors and certifiers do with them.

Every error is a problem document with one sentence that says what to do.
A learner reaches their own attempts only; somebody else's are as unknown as those that never were.
"""
_METHODS = {"get", "post", "put", "delete", "patch"}
_REPLACED = ("HTTPValidationError", "ValidationError")

Responses = dict[int | str, dict[str, Any]]


def refusals(*statuses: int) -> Responses:
    """Return the description of problems that a route may answer with."""
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def describe(app: FastAPI, prefix: str) -> None:
    """Let `app` publish its description at `{prefix}/openapi.json`."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, prefix)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI, prefix: str) -> dict[str, Any]:
    found = get_openapi(
        title="Assay proctor",
        version="1",
        description=_DESCRIPTION,
        routes=app.routes,
        servers=[{"url": prefix}],
    )
    found["paths"] = {path.removeprefix(prefix): entry for path, entry in found["paths"].items()}
    for entry in found["paths"].values():
        for method in _METHODS & entry.keys():
            _correct(entry[method])
    schemas = found["components"]["schemas"]
    schemas["Problem"] = Problem.model_json_schema()
    for name in _REPLACED:
        schemas.pop(name, None)
    return found


def _correct(operation: dict[str, Any]) -> None:
    """Let requests that are not understood be problems, as they are, and nothing else be JSON."""
    responses = operation["responses"]
    if "422" in responses:
        responses |= {str(status): text for status, text in refusals(422).items()}
    if "requestBody" in operation:
        responses |= {str(status): text for status, text in refusals(400).items()}
    if operation.get("security"):
        responses |= {str(status): text for status, text in refusals(401, 503).items()}
    operation["responses"] = dict(sorted(responses.items()))


def main() -> None:
    """Print the description as it is published."""
    from graders.proctor.app import described_app

    print(json.dumps(described_app().openapi(), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
