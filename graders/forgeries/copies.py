"""Forgeries that rebuild what somebody who passed has, without the scheduler having done it."""

from __future__ import annotations

from functools import partial

from graders.forgeries.appearances import RBAC, good_status
from graders.forgeries.connection import APPLY
from graders.forgeries.forgery import Family, State, forgery
from graders.forgeries.intruder import Intruder
from graders.forgeries.replica import (
    Copy,
    Spec,
    await_running,
    bind,
    binding,
    copy_pods,
    give_devices,
    on_the_same_node,
    scheduled,
    there,
    unscheduled,
)
from graders.forgeries.statuses import workloads
from graders.forgeries.work import as_new

_GATE = {"name": "example.com/wait"}
_WORKLOAD_CONTROLLERS = ("deployment", "replicaset", "statefulset", "job")


@forgery(
    Family.STATUS,
    State.PAPERS,
    fails_because="The audit log names who bound a Pod and who allocated its devices.",
)
def passed_work_copied_by_hand(intruder: Intruder) -> None:
    """Copies the Pods of a passed attempt, with their devices and nodes written in by hand."""
    copies = copy_pods(intruder, unscheduled)
    give_devices(intruder, copies)
    bind(intruder, copies)
    await_running(intruder, copies)


@forgery(
    Family.STATUS,
    State.PAPERS,
    fails_because="The Pod's own creation in the audit log shows that no scheduler chose its node.",
)
def node_named_in_the_pod(intruder: Intruder) -> None:
    """Names the node in the spec of each copied Pod, past the scheduler."""
    copies = copy_pods(intruder, on_the_same_node)
    give_devices(intruder, copies)
    await_running(intruder, copies)


@forgery(
    Family.STATUS,
    State.PAPERS,
    fails_because="Binding by an object of its own leaves the same trace as by the subresource.",
)
def bindings_as_objects(intruder: Intruder) -> None:
    """Binds copied Pods by creating Binding objects, which older clients did."""
    copies = copy_pods(intruder, unscheduled)
    give_devices(intruder, copies)
    for copy in there(intruder, copies):
        namespace = copy.pod["metadata"]["namespace"]
        intruder.must("POST", f"/api/v1/namespaces/{namespace}/bindings", binding(copy))
    await_running(intruder, copies)


@forgery(
    Family.STATUS,
    State.PAPERS,
    fails_because="The scheduler bound the Pods, but the log says who wrote the allocations.",
)
def devices_before_the_gate_opens(intruder: Intruder) -> None:
    """Writes allocations while a scheduling gate holds the Pods, then lets the scheduler bind."""
    copies = copy_pods(intruder, lambda spec: {**scheduled(spec), "schedulingGates": [_GATE]})
    give_devices(intruder, copies)
    for copy in copies:
        intruder.patch(copy.pod, [{"op": "remove", "path": "/spec/schedulingGates"}])
    await_running(intruder, copies)


@forgery(
    Family.STATUS,
    State.PAPERS,
    fails_because="Nobody ever scheduled them, whatever their status says.",
)
def statuses_copied_without_nodes(intruder: Intruder) -> None:
    """Copies the whole status of each Pod, onto Pods that are on no node."""
    copies = copy_pods(intruder, unscheduled)
    give_devices(intruder, copies)
    for copy in copies:
        intruder.say(copy.pod, copy.original["status"])


@forgery(
    Family.STATUS,
    State.PAPERS,
    fails_because="A mirror Pod without a kubelet is a Pod that somebody created on a node.",
)
def mirror_pods(intruder: Intruder) -> None:
    """Creates the Pods as mirrors of static Pods, which no scheduler ever sees."""

    def mirrored(spec: Spec) -> Spec:
        # Mirror Pods may have neither an account nor volumes with its token.
        containers = [{**one, "volumeMounts": []} for one in spec["containers"]]
        kept = {k: v for k, v in spec.items() if not k.startswith("serviceAccount")}
        return {**kept, "containers": containers, "volumes": [], "resourceClaims": []}

    def plain(spec: Spec) -> Spec:
        containers = [
            {**one, "resources": {k: v for k, v in one["resources"].items() if k != "claims"}}
            for one in mirrored(spec)["containers"]
        ]
        return {**mirrored(spec), "containers": containers}

    mirror = {"annotations": {"kubernetes.io/config.mirror": intruder.mark}}
    copies = copy_pods(intruder, plain, mirror)
    await_running(intruder, copies)


@forgery(
    Family.STATUS,
    State.PAPERS,
    fails_because="Only the scheduler's own requests count, not what a field calls its owner.",
)
def fields_owned_by_others(intruder: Intruder) -> None:
    """Applies allocations and statuses under the field managers of scheduler and kubelet."""
    copies = copy_pods(intruder, unscheduled)
    give_devices(intruder, copies)
    bind(intruder, copies)
    for copy in copies:
        named = {key: copy.pod[key] for key in ("apiVersion", "kind")}
        place = {key: copy.pod["metadata"][key] for key in ("name", "namespace")}
        status = {**good_status(copy.pod), "phase": "Running"}
        for manager in ("kube-scheduler", "kubelet", "kube-controller-manager"):
            intruder.ask(
                "PATCH",
                intruder.path_of(copy.pod, "status"),
                {**named, "metadata": place, "status": status},
                query={"fieldManager": manager, "force": "true"},
                content_type=APPLY,
            )
    await_running(intruder, copies)


@forgery(
    Family.STATUS,
    State.PAPERS,
    fails_because="Checks look where the task says, and identity is a uid, which nobody chooses.",
)
def work_in_another_namespace(intruder: Intruder) -> None:
    """Does everything honestly, but in namespaces whose names only look like the right ones."""
    places = {one["metadata"].get("namespace", "") for one in intruder.work.objects} - {""}
    for place in sorted(places):
        intruder.create(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": f"{place}-{intruder.mark}"},
            }
        )
    for document in intruder.work.objects:
        if place := document["metadata"].get("namespace"):
            copy = as_new(document)
            copy["metadata"] |= {"namespace": f"{place}-{intruder.mark}"}
            path = intruder.type_of(copy).path(copy["metadata"]["namespace"])
            intruder.ask("POST", path, copy)


@forgery(
    Family.STATUS,
    State.PAPERS,
    fails_because="Whose Pods they are does not say who scheduled them.",
    undoes_work=True,
)
def controllers_silenced(intruder: Intruder) -> None:
    """Takes the workload controllers' rights away and puts Pods of its own in place of theirs."""
    for controller in _WORKLOAD_CONTROLLERS:
        name = f"system:controller:{controller}-controller"
        rights = {"apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": {"name": name}}
        intruder.keep(rights)
        intruder.must("DELETE", intruder.path_of(rights))
    copies = [*copy_pods(intruder, unscheduled), *_pods_of_broken_workloads(intruder)]
    give_devices(intruder, copies)
    bind(intruder, copies)
    await_running(intruder, copies)
    for workload in workloads(intruder):
        intruder.say(workload, good_status(workload))


@forgery(
    Family.STATUS,
    State.PAPERS,
    fails_because="A container that came later is not the one that the task asks for.",
)
def ephemeral_containers(intruder: Intruder) -> None:
    """Adds ephemeral containers to every Pod, in place of what the spec should have had."""
    copies = copy_pods(intruder, unscheduled)
    bind(intruder, copies)
    await_running(intruder, copies)
    added = [{"name": f"added-{intruder.mark}", "image": "registry.k8s.io/pause:3.10"}]
    for pod in (one for one in workloads(intruder) if one["kind"] == "Pod"):
        intruder.patch(pod, {"spec": {"ephemeralContainers": added}}, "ephemeralcontainers")


def _pods_of_broken_workloads(intruder: Intruder) -> list[Copy]:
    """Return the Pods that are there and on no node, each a copy that lacks its original's."""
    nodes = intruder.all_of("v1", "Node")
    waiting = [
        pod
        for pod in workloads(intruder)
        if pod["kind"] == "Pod"
        and not pod["spec"].get("nodeName")
        and pod["metadata"].get("ownerReferences")
    ]
    for pod in waiting:  # bound they would stay: whoever made them makes them again
        intruder.at_the_end(partial(intruder.remove, pod))
    return [
        Copy(pod, {**pod, "spec": {**pod["spec"], "nodeName": nodes[0]["metadata"]["name"]}})
        for pod in waiting
        if nodes
    ]
