"""Forgeries that hide who did what, or drown it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from graders.forgeries.appearances import DRA, LATER, metadata
from graders.forgeries.forgery import Family, State, forgery
from graders.forgeries.intruder import Intruder
from graders.forgeries.replica import await_running, bind, copy_pods, give_devices, unscheduled
from graders.forgeries.rules import plain_pod
from graders.forgeries.work import Document

_ENDPOINTS = (
    ("DELETE", "/logs/audit.log"),
    ("GET", "/logs/"),
    ("PUT", "/debug/flags/v"),
    ("DELETE", "/apis/audit.k8s.io/v1/events"),
    ("DELETE", "/apis/auditregistration.k8s.io/v1alpha1/auditsinks"),
)
_FLOOD_EVENTS = 330
_FLOOD_BYTES = 1_000_000
"""Each event holds what was asked and what was answered: together about 600 MB."""


@forgery(
    Family.TRACES,
    State.PAPERS,
    fails_because="The audit log lies outside the cluster, and no address leads to it.",
)
def audit_log_deleted(intruder: Intruder) -> None:
    """Copies passed work by hand, and then tries to delete the audit log through every door."""
    copies = copy_pods(intruder, unscheduled)
    give_devices(intruder, copies)
    bind(intruder, copies)
    for method, path in _ENDPOINTS:
        intruder.ask(method, path, {"verbosity": 0})
    for node in intruder.all_of("v1", "Node"):
        for path in ("logs/", "exec/kube-system/x/y?command=rm"):
            intruder.ask("GET", f"{intruder.path_of(node, 'proxy')}/{path}")
    pod = plain_pod()
    pod["metadata"]["name"] = f"eraser-{intruder.mark}"
    pod["spec"]["volumes"] = [{"name": "host", "hostPath": {"path": "/"}}]
    pod["spec"]["hostPID"] = True
    intruder.create(pod)
    await_running(intruder, copies)


@forgery(
    Family.TRACES,
    State.PAPERS,
    fails_because="Without its beginning the log proves nothing, so nothing is called done.",
    names=("audit log",),
    lasting=True,
)
def audit_log_flooded(intruder: Intruder) -> None:
    """Copies passed work by hand, and then makes so much noise that the log forgets it."""
    copies = copy_pods(intruder, unscheduled)
    give_devices(intruder, copies)
    bind(intruder, copies)
    await_running(intruder, copies)
    noisy = _large_deployment(intruder)
    path = intruder.type_of(noisy).path("default")
    body = {"dryRun": "All"}
    with ThreadPoolExecutor(4) as pool:
        for _ in range(_FLOOD_EVENTS):
            pool.submit(intruder.ask, "POST", path, noisy, query=body)


@forgery(
    Family.TRACES,
    State.UNTOUCHED,
    fails_because="Events are hearsay: any account may write them, so no check reads them.",
)
def events_made_up(intruder: Intruder) -> None:
    """Writes Events in which scheduler, kubelet and controllers report success."""
    for pod in intruder.all_of("v1", "Pod"):
        for source, reason in (
            ("default-scheduler", "Scheduled"),
            ("kubelet", "Started"),
            ("deployment-controller", "ScalingReplicaSet"),
        ):
            place = metadata(f"{reason.lower()}-{intruder.mark}", pod["metadata"]["namespace"])
            name = {**place, "name": f"{place['name']}-{pod['metadata']['uid']}"}
            involved = {key: pod["metadata"][key] for key in ("name", "namespace", "uid")}
            intruder.create(
                {
                    "apiVersion": "v1",
                    "kind": "Event",
                    "metadata": name,
                    "involvedObject": {"apiVersion": "v1", "kind": "Pod", **involved},
                    "reason": reason,
                    "message": "Successfully done",
                    "type": "Normal",
                    "source": {"component": source},
                    "firstTimestamp": LATER,
                    "lastTimestamp": LATER,
                }
            )


@forgery(
    Family.TRACES,
    State.DONE,
    fails_because="Events are neither read nor logged, however many there are.",
)
def storm_of_events(intruder: Intruder) -> None:
    """Writes Events without end while the check runs."""

    def blow() -> None:
        number = 0
        while not intruder.over.is_set():
            number += 1
            event = {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": metadata(f"storm-{intruder.mark}-{number}", "default"),
                "involvedObject": {"kind": "Pod", "namespace": "default", "name": "nobody"},
                "reason": "Storm",
                "type": "Normal",
            }
            intruder.ask("POST", "/api/v1/namespaces/default/events", event)

    intruder.meanwhile(blow)


@forgery(
    Family.TRACES,
    State.DONE,
    fails_because="Noise costs time and nothing else: the log is searched, not remembered.",
    names=("did not end within",),
)
def storm_of_writes(intruder: Intruder) -> None:
    """Changes objects without end, of every kind that checks read, while the check runs."""
    name = {**metadata(f"storm-{intruder.mark}", "default")}
    exactly = {"deviceClassName": "none.example.com"}
    spec = {"devices": {"requests": [{"name": "one", "exactly": exactly}]}}
    claim = intruder.create(
        {"apiVersion": DRA, "kind": "ResourceClaim", "metadata": name, "spec": spec}
    )

    def blow() -> None:
        number = 0
        while not intruder.over.is_set():
            number += 1
            intruder.patch(claim, {"metadata": {"annotations": {"number": str(number)}}})

    intruder.meanwhile(blow)


@forgery(
    Family.TRACES,
    State.UNTOUCHED,
    fails_because="Results are kept outside the cluster; what lies in it is nobody's verdict.",
)
def verdicts_made_up(intruder: Intruder) -> None:
    """Leaves reports, baselines and marks of success wherever a grader might look for them."""
    report = json.dumps({"results": [{"outcome": "passed"}], "passed": True, "score": 100})
    names = ("assay", "report", "verdict", "result", "baseline", "grade", "assay-report")
    for namespace in intruder.namespaces():
        for name in names:
            document = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"report.json": report}}
            intruder.create({**document, "metadata": metadata(f"{name}", namespace)})
    for one in intruder.all_of("v1", "Namespace"):
        marks = {"assay.dev/outcome": "passed", "assay.dev/done": "true"}
        intruder.change(one, {"metadata": {"annotations": marks}})


@forgery(
    Family.TRACES,
    State.DONE,
    fails_because="A check reads what it asked for, page by page.",
)
def huge_objects_and_long_lists(intruder: Intruder) -> None:
    """Fills the lab's namespaces with the largest objects there can be, and many small ones."""
    for namespace in intruder.namespaces():
        for number in range(2):
            large = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"filling": "x" * 900_000}}
            name = metadata(f"huge-{intruder.mark}-{number}", namespace)
            intruder.create({**large, "metadata": name})
        for number in range(40):
            name = metadata(f"small-{intruder.mark}-{number}", namespace)
            intruder.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": name})


@forgery(
    Family.TRACES,
    State.DONE,
    fails_because="Listening costs the API server little, and the grader nothing.",
)
def two_hundred_listeners(intruder: Intruder) -> None:
    """Watches everything two hundred times over while the check runs."""

    def listen() -> None:
        for _ in intruder.watch("v1", "Pod"):
            pass

    for _ in range(200):
        intruder.meanwhile(listen)


def _large_deployment(intruder: Intruder) -> Document:
    """Return a Deployment that fills its event in the audit log."""
    container = plain_pod()["spec"]["containers"][0]
    filling = [{"name": "FILLING", "value": "x" * _FLOOD_BYTES}]
    labels = {"app": f"noise-{intruder.mark}"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(f"noise-{intruder.mark}", "default"),
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{**container, "env": filling}]},
            },
        },
    }
