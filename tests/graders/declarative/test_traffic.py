"""`http` and `promql`, asked through a stand-in for the API server's proxy to Services.

Clusters of this host have no network, so what stands behind the Services is played here; requests
and answers travel over a real connection.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from graders.api import FETCH_LIMIT, ApiServer, Fetched
from graders.checks import CheckFailed
from graders.declarative.documents import Http, PromQL
from graders.declarative.traffic import check_http, check_promql
from graders.errors import GradingError
from graders.kubeconfig import Kubeconfig
from graders.services import ask_service
from graders.view import ClusterView

PROXY = "/api/v1/namespaces/shop/services/"
SAMPLES = {
    "up": [("a", "1"), ("b", "1")],
    "half": [("a", "1"), ("b", "0.5")],
    "none": [],
}


class StandInProxy(BaseHTTPRequestHandler):
    """Answers as the API server would: for a web server, for Prometheus, for nobody."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        place, _, path = url.path.removeprefix(PROXY).partition("/proxy")
        if place == "web:80":
            self._web(path, url.query)
        elif place == "prometheus:http":
            self._prometheus(parse_qs(url.query)["query"][0])
        elif place == "empty:80":
            message = 'no endpoints available for service "empty"'
            self._answer(503, {"kind": "Status", "message": message})
        elif place == "down:80":
            self._answer(502, "error trying to reach service: connect: connection refused")
        else:
            self._answer(404, {"kind": "Status", "message": f"unexpected {self.path}"})

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(201, {"kind": self.headers["Content-Type"], "posted": json.loads(content)})

    def _web(self, path: str, query: str) -> None:
        if path == "/busy":
            self._answer(503, "try again")
        elif path == "/large":
            self._answer(200, "x" * (FETCH_LIMIT + 1))
        else:
            self._answer(200, {"path": path, "query": query, "models": [{"id": "m"}]})

    def _prometheus(self, query: str) -> None:
        if query == "1 +":
            self._answer(400, {"status": "error", "error": "parse error: unexpected end of input"})
        elif query == "no prometheus":
            self._answer(200, "hello")
        elif query == "42":
            result: Any = {"resultType": "scalar", "result": [0, "42"]}
            self._answer(200, {"status": "success", "data": result})
        else:
            samples = [{"metric": {"i": i}, "value": [0, v]} for i, v in SAMPLES[query]]
            data = {"resultType": "vector", "result": samples}
            self._answer(200, {"status": "success", "data": data})

    def _answer(self, status: int, content: Any) -> None:
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Model", "m")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class OnlyServices:
    """The part of a ClusterView that asks Services; here every Service is there."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api

    def ask_service(self, service: str, namespace: str, *place: Any) -> Fetched:
        return ask_service(self._api, namespace, service, *place)


@pytest.fixture(scope="module")
def api() -> Iterator[ApiServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandInProxy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    with ApiServer(Kubeconfig(address, ssl.create_default_context())) as api:
        yield api
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cluster(api: ApiServer) -> ClusterView:
    return cast(ClusterView, OnlyServices(api))


def http(**more: Any) -> Http:
    return Http.model_validate({"service": "web", "namespace": "shop", "port": 80, **more})


def promql(query: str, **more: Any) -> PromQL:
    place = {"service": "prometheus", "namespace": "shop", "port": "http"}
    return PromQL.model_validate({**place, "query": query, **more})


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"path": "/v1/models?a=b%20c", "json": {"query": "a=b%20c", "path": "/v1/models"}},
        {"json": {"models": {"$any": {"id": "m"}}}, "headers": {"x-model": "m"}},
        {"path": "/busy", "status": {"$in": [200, 503]}, "body": {"$contains": "again"}},
    ],
)
def test_an_answer_as_expected_passes(cluster: ClusterView, more: dict[str, Any]) -> None:
    check_http(cluster, http(**more))


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"status": 404}, "status: 200"),
        ({"json": {"models": {"$every": {"id": "n"}}}}, "json.models[0].id: m"),
        ({"headers": {"x-model": "n"}}, "headers.x-model: m"),
        ({"path": "/busy", "status": 503, "json": {"a": 1}}, "body: try again"),
        ({"service": "empty"}, 'no endpoints available for service "empty"'),
        ({"service": "down"}, "error trying to reach service: connect: connection refused"),
    ],
)
def test_another_answer_fails(cluster: ClusterView, more: dict[str, Any], found: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_http(cluster, http(**more))

    assert caught.value.found == found


def test_a_service_can_be_posted_to(api: ApiServer) -> None:
    answer = ask_service(api, "shop", "web", 80, "/v1/completions", body={"prompt": [1, 2]})

    assert answer.status == 201
    assert json.loads(answer.text) == {"kind": "application/json", "posted": {"prompt": [1, 2]}}


def test_an_answer_without_end_is_an_error(cluster: ClusterView) -> None:
    with pytest.raises(GradingError, match="more than 1024 KiB"):
        check_http(cluster, http(path="/large"))


def test_samples_are_quantified(cluster: ClusterView) -> None:
    check_promql(cluster, promql("up", every={"value": 1}))
    check_promql(cluster, promql("half", any={"value": {"$lt": 1}, "metric": {"i": "b"}}))
    check_promql(cluster, promql("up", none={"value": {"$lt": 1}}))
    check_promql(cluster, promql("42", every={"value": 42}))
    with pytest.raises(CheckFailed) as caught:
        check_promql(cluster, promql("half", every={"value": 1}))

    assert caught.value.expected == "{i: b}: value: 1"
    assert caught.value.found == "{i: b}: value: 0.5"


@pytest.mark.parametrize("quantifier", ["every", "any", "none"])
def test_no_sample_is_no_pass(cluster: ClusterView, quantifier: str) -> None:
    with pytest.raises(CheckFailed, match="There is no sample of the query none"):
        check_promql(cluster, promql("none", **{quantifier: {"value": 1}}))


def test_what_prometheus_cannot_answer_is_an_error(cluster: ClusterView) -> None:
    with pytest.raises(GradingError, match="parse error: unexpected end of input"):
        check_promql(cluster, promql("1 +", every={"value": 1}))


def test_what_does_not_talk_like_prometheus_fails(cluster: ClusterView) -> None:
    with pytest.raises(CheckFailed, match="does not answer like it"):
        check_promql(cluster, promql("no prometheus", every={"value": 1}))
