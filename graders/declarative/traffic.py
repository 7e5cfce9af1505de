"""Traffic: `http` and `promql`, what Services answer when they are asked."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from graders.checks import CheckFailed
from graders.declarative.documents import Http, PromQL, quantified
from graders.declarative.expecting import require_all
from graders.errors import GradingError
from graders.matching import Difference, differences
from graders.matching.expectation import not_as_expected
from graders.matching.telling import tell
from graders.view import ClusterView


def check_http(cluster: ClusterView, entry: Http) -> None:
    """Fail unless a Service answers a GET as expected.

    Raises:
        CheckFailed: it does not.
        GradingError: it could not be asked.
    """
    answer = cluster.ask_service(
        entry.service, entry.namespace, entry.port, entry.path, entry.scheme
    )
    wrong = [*_differences("status", answer.status, entry.status)]
    wrong += _differences("headers", dict(answer.headers), entry.headers)
    wrong += _differences("body", answer.text, entry.body)
    if entry.json_ is not None:
        wrong += _json_differences(answer.text, entry.json_)
    if wrong:
        place = f"{entry.namespace}/{entry.service}"
        raise not_as_expected(f"The Service {place} does not answer as it should", wrong)


def check_promql(cluster: ClusterView, entry: PromQL) -> None:
    """Fail unless a query gives samples as expected; no sample is never a pass.

    Raises:
        CheckFailed: it does not.
        GradingError: Prometheus could not answer the query.
    """
    path = f"/api/v1/query?{urlencode({'query': entry.query})}"
    answer = cluster.ask_service(entry.service, entry.namespace, entry.port, path, entry.scheme)
    samples = _samples(answer.status, answer.text)
    given = quantified(entry)
    assert given is not None  # a document without a quantifier is refused
    names = [tell(sample["metric"]) for sample in samples]
    require_all(f"sample of the query {entry.query}", *given, samples, names)


def _differences(path: str, found: Any, pattern: Any) -> list[Difference]:
    return [] if pattern is None else differences({path: found}, {path: pattern})


def _json_differences(text: str, pattern: Any) -> list[Difference]:
    try:
        return _differences("json", json.loads(text), pattern)
    except ValueError:
        return [Difference("body", "JSON", tell(text))]


def _samples(status: int, text: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(text)
        if status != 200 or document["status"] != "success":
            raise GradingError(f"Prometheus cannot answer: {document.get('error') or status}")
        data = document["data"]
        if data["resultType"] == "scalar":
            return [_sample({}, data["result"])]
        if data["resultType"] == "vector":
            return [_sample(one["metric"], one["value"]) for one in data["result"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckFailed("What should be Prometheus does not answer like it") from error
    raise GradingError("A query must give a scalar or an instant vector")


def _sample(metric: dict[str, str], value: list[Any]) -> dict[str, Any]:
    number = float(value[1])
    return {"metric": metric, "value": int(number) if number.is_integer() else number}
