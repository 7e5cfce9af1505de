"""Serves metrics for HorizontalPodAutoscalers, as `external` and `custom` metrics of Kubernetes.

A program of its own, which needs nothing but Python:
`python -I -S metrics_adapter.py ADDRESS PORT FOLDER PKI API_SERVER`. What it serves stands in the
ConfigMap `metrics` of its namespace: the name of each metric with a number, or with a query that
Prometheus answers. Only the API server may ask: it has to show the certificate `front-proxy`.

Protocol: k8s.io/metrics, pkg/apis/external_metrics and pkg/apis/custom_metrics.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

EXTERNAL = "external.metrics.k8s.io/v1beta1"
CUSTOM = "custom.metrics.k8s.io/v1beta2"
_CONFIG = "/api/v1/namespaces/metrics-adapter/configmaps/metrics"
_PROMETHEUS_PORT = 9090
_TIMEOUT = 5.0
_EXTERNAL_PATH = re.compile(r"/namespaces/([^/]+)/([^/]+)")
_PODS_PATH = re.compile(r"/namespaces/([^/]+)/pods/([^/]+)/([^/]+)")
_LABEL = re.compile(r"\s*([\w./-]+)\s*==?\s*([\w.-]*)\s*")

Document = dict[str, Any]


class NoMetricError(Exception):
    """There is no such metric, or it has no value now."""


class Source:
    """Where the values come from: the API server and Prometheus."""

    def __init__(self, folder: Path, api_server: str, prometheus: str) -> None:
        """Ask with the credential in a folder.

        Args:
            folder: holds `token` and `ca.crt`.
            api_server: host and port.
            prometheus: host that it may run at.
        """
        self._folder = folder
        self._api_server = api_server
        self._prometheus = prometheus
        self._trust = ssl.create_default_context(cafile=str(folder / "ca.crt"))

    def metrics(self) -> dict[str, str]:
        """Return the text of each metric: a number or a query."""
        data: dict[str, str] = self._ask_api(_CONFIG).get("data") or {}
        return data

    def pods(self, namespace: str, selector: str) -> list[str]:
        """Return the names of Pods."""
        found = self._ask_api(
            f"/api/v1/namespaces/{quote(namespace)}/pods?labelSelector={quote(selector)}"
        )
        return [pod["metadata"]["name"] for pod in found["items"]]

    def series(self, text: str) -> list[tuple[dict[str, str], float]]:
        """Return the values of a metric, each with its labels."""
        try:
            return [({}, float(text))]
        except ValueError:
            return self._query(text)

    def _query(self, query: str) -> list[tuple[dict[str, str], float]]:
        connection = http.client.HTTPConnection(self._prometheus, _PROMETHEUS_PORT, _TIMEOUT)
        try:
            connection.request("GET", f"/api/v1/query?query={quote(query)}")
            answer = json.load(connection.getresponse())
        finally:
            connection.close()
        if answer.get("status") != "success":
            raise NoMetricError(f"Prometheus: {answer.get('error', 'no answer')}")
        if answer["data"]["resultType"] == "scalar":
            return [({}, float(answer["data"]["result"][1]))]
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    def _ask_api(self, path: str) -> Document:
        connection = http.client.HTTPSConnection(
            self._api_server, timeout=_TIMEOUT, context=self._trust
        )
        token = (self._folder / "token").read_text(encoding="utf-8")
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            document: Document = json.load(response)
        finally:
            connection.close()
        if response.status != 200:
            raise NoMetricError(str(document.get("message", "the API server refused")))
        return document


def answer(source: Source, target: str) -> Document:
    """Return what a GET is answered with.

    Raises:
        NoMetricError: nothing is known about it.
    """
    parts = urlsplit(target)
    path = unquote(parts.path)
    selector = parse_qs(parts.query).get("labelSelector", [""])[0]
    for group, kind in ((EXTERNAL, "ExternalMetricValueList"), (CUSTOM, "MetricValueList")):
        below = path.removeprefix(f"/apis/{group}")
        if below == path:
            continue
        if below in ("", "/"):
            prefix = "" if group == EXTERNAL else "pods/"
            return _resources(group, kind, [prefix + name for name in source.metrics()])
        if group == EXTERNAL and (match := _EXTERNAL_PATH.fullmatch(below)):
            return _list(group, kind, external(source, match[2], selector))
        if group == CUSTOM and (match := _PODS_PATH.fullmatch(below)):
            return _list(group, kind, of_pods(source, match[1], match[2], match[3], selector))
    raise NoMetricError(f"there is nothing at {path}")


def external(source: Source, metric: str, selector: str) -> list[Document]:
    """Return the values of a metric that belongs to no object."""
    wanted = labels_of(selector)
    return [
        {
            "metricName": metric,
            "metricLabels": labels,
            "timestamp": _now(),
            "value": quantity(value),
        }
        for labels, value in source.series(_text(source, metric))
        if not labels or wanted.items() <= labels.items()
    ]


def of_pods(
    source: Source, namespace: str, name: str, metric: str, selector: str
) -> list[Document]:
    """Return the values of a metric for Pods; a plain number is the value of each."""
    pods = source.pods(namespace, selector) if name == "*" else [name]
    values: dict[str, float] = {}
    for labels, value in source.series(_text(source, metric)):
        if not labels:
            values |= dict.fromkeys(pods, value)
        elif labels.get("namespace") == namespace:
            values[labels.get("pod", "")] = value
    return [
        {
            "describedObject": {
                "kind": "Pod",
                "apiVersion": "v1",
                "namespace": namespace,
                "name": pod,
            },
            "metric": {"name": metric},
            "timestamp": _now(),
            "value": quantity(values[pod]),
        }
        for pod in pods
        if pod in values
    ]


def labels_of(selector: str) -> dict[str, str]:
    """Return the labels that a selector wants; only equality is known.

    Raises:
        NoMetricError: it wants something else.
    """
    parts = [part for part in selector.split(",") if part]
    matches = [_LABEL.fullmatch(part) for part in parts]
    if None in matches:
        raise NoMetricError(f"the selector {selector!r} wants more than equality")
    return {match[1]: match[2] for match in matches if match}


def quantity(value: float) -> str:
    """Return a number as Kubernetes writes it, in thousandths where it is no whole one."""
    return str(int(value)) if value == int(value) else f"{round(value * 1000)}m"


def _text(source: Source, metric: str) -> str:
    texts = source.metrics()
    if metric not in texts:
        raise NoMetricError(f"the ConfigMap metrics-adapter/metrics has no {metric}")
    return texts[metric]


def _resources(group: str, kind: str, names: list[str]) -> Document:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group,
        "resources": [
            {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get"]}
            for name in names
        ],
    }


def _list(group: str, kind: str, items: list[Document]) -> Document:
    return {"kind": kind, "apiVersion": group, "metadata": {}, "items": items}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Server(ThreadingHTTPServer):
    """Listens; whoever comes without the certificate is one line of the log."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in a line what came of a connection."""
        print(f"{client_address}: {sys.exc_info()[1]}", file=sys.stderr, flush=True)


def handler_for(source: Source) -> type[BaseHTTPRequestHandler]:
    """Return who answers requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_GET(self) -> None:
            try:
                status, document = 200, answer(source, self.path)
            except NoMetricError as error:
                status, document = 404, _failure(404, str(error))
            except (OSError, ValueError, http.client.HTTPException) as error:
                status, document = 503, _failure(503, f"no value can be had: {error}")
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing: it is asked every few seconds."""

    return Handler


def _failure(code: int, message: str) -> Document:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": "NotFound" if code == 404 else "ServiceUnavailable",
        "code": code,
        "message": message,
    }


def main() -> None:
    """Serve for ever."""
    address, port, folder, pki, api_server = sys.argv[1:]
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(f"{pki}/metrics-adapter/tls.crt", f"{pki}/metrics-adapter/tls.key")
    trust.load_verify_locations(f"{pki}/front-proxy.crt")
    trust.verify_mode = ssl.CERT_REQUIRED
    source = Source(Path(folder), api_server, address)
    with Server((address, int(port)), handler_for(source)) as server:
        server.socket = trust.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        server.serve_forever()


if __name__ == "__main__":
    main()
