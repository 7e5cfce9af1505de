"""Services: what a Service of the cluster answers, asked through the API server.

The grader dials nothing but the API server. It answers by itself where a Service has nobody behind
it, or nobody who takes the call: that is the learner's. Where clusters of a provider have no
network at all it is nobody's: the lab needs the capability `networking`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from graders.api import ApiServer, Fetched
from graders.checks import CheckFailed
from graders.errors import GradingError

_NO_NETWORK = "clusters-on-this-host-have-no-network"
"""What the API server of an embedded cluster says it cannot dial."""
_OWN_ANSWERS = (500, 502, 503, 504)


def ask_service(
    api: ApiServer,
    namespace: str,
    service: str,
    port: str | int,
    path: str = "/",
    scheme: str = "http",
    body: Mapping[str, Any] | None = None,
) -> Fetched:
    """Return what a Service answers, whatever its status.

    Args:
        api: the API server that passes the question on.
        namespace: of the Service.
        service: its name.
        port: number or name.
        path: with the query, beginning with a slash.
        scheme: `http` or `https`.
        body: is posted as JSON; without one it is a GET.

    Raises:
        CheckFailed: nobody behind the Service takes the call.
        GradingError: the API server could not be asked, or it has no way to Services.
    """
    prefix = "https:" if scheme == "https" else ""
    place = f"{prefix}{quote(service, safe='')}:{quote(str(port), safe='')}"
    parts = urlsplit(path)
    root = f"/api/v1/namespaces/{quote(namespace, safe='')}/services/{place}/proxy"
    target = root + quote(parts.path, safe="/:@!$&'()*+,;=~-._%")
    answer = api.fetch(f"{target}?{parts.query}" if parts.query else target, body=body)
    if refusal := _own_refusal(answer):
        if _NO_NETWORK in refusal:
            raise GradingError(
                "Services cannot be asked in this cluster, which has no network; "
                "the lab needs the capability networking"
            )
        raise CheckFailed(
            f"The Service {namespace}/{service} does not answer on port {port}",
            expected="an answer",
            found=refusal,
            hint=f"kubectl get endpointslices --namespace {namespace} shows who is behind it.",
        )
    return answer


def _own_refusal(answer: Fetched) -> str:
    """Return what the API server itself says in place of the Service; empty where it does not."""
    if answer.status not in _OWN_ANSWERS:
        return ""
    try:
        document: Any = json.loads(answer.content)
    except ValueError:
        # What cannot be dialled at all is told as plain text.
        return answer.text.strip() if answer.text.startswith("error trying to reach") else ""
    if not isinstance(document, dict) or document.get("kind") != "Status":
        return ""
    return str(document.get("message") or "no reason given")
