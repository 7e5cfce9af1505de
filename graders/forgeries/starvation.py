"""Forgeries that take away what the grader, or the cluster, needs in order to look or to work."""

from __future__ import annotations

from graders.forgeries.appearances import DRA, RBAC, metadata
from graders.forgeries.connection import LEARNER
from graders.forgeries.forgery import Family, State, forgery
from graders.forgeries.intruder import Intruder
from graders.forgeries.rules import await_refusal, plain_pod, settle
from graders.forgeries.work import Document, identity

_FLOW = "flowcontrol.apiserver.k8s.io/v1"
_IMAGE = "registry.k8s.io/pause:3.10"
_NAMED = "A probe that cannot be made or placed makes an error, which names what was in its way."


@forgery(Family.STARVATION, State.DONE, fails_because=_NAMED, names=("ResourceQuota mine",))
def quota_of_nothing(intruder: Intruder) -> None:
    """Allows no further Pod, claim or other object in any namespace."""
    hard = {
        name: "0"
        for name in (
            "pods",
            "count/resourceclaims.resource.k8s.io",
            "count/configmaps",
            "count/deployments.apps",
            "count/jobs.batch",
            "services",
        )
    }
    for name in intruder.namespaces():
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata("mine", name)}
        intruder.create({**quota, "spec": {"hard": hard}})
    await_refusal(intruder, plain_pod())


@forgery(Family.STARVATION, State.DONE, fails_because=_NAMED, names=("LimitRange",))
def limits_that_nothing_meets(intruder: Intruder) -> None:
    """Gives every container by default more than any node has."""
    huge = {"cpu": "4000", "memory": "1Pi"}
    limits = [{"type": "Container", "default": huge, "defaultRequest": huge}]
    for name in intruder.namespaces():
        limit = {"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata("mine", name)}
        intruder.create({**limit, "spec": {"limits": limits}})
    settle()


@forgery(
    Family.STARVATION,
    State.DONE,
    fails_because="The grader's certificate carries rights that no binding gives or takes.",
)
def rights_of_everybody_taken(intruder: Intruder) -> None:
    """Deletes whatever gives rights to people, and empties the role `cluster-admin`."""
    work = {identity(one) for one in intruder.work.objects}  # is not to be undone
    for binding in intruder.all_of(RBAC, "ClusterRoleBinding"):
        name = binding["metadata"]["name"]
        to_people = name == "cluster-admin" or not name.startswith("system:")
        if to_people and identity(binding) not in work:
            intruder.keep(binding)
            intruder.must("DELETE", intruder.path_of(binding))
    role = {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": metadata("cluster-admin")}
    intruder.change(role, {"rules": []})
    settle()


@forgery(
    Family.STARVATION,
    State.DONE,
    fails_because="A scheduler without rights decides nothing; the error says what it lacks.",
    names=("system:kube-scheduler may not",),
)
def scheduler_without_rights(intruder: Intruder) -> None:
    """Takes the scheduler's rights away, so that nothing is placed any more."""
    for name in ("system:kube-scheduler", "system:volume-scheduler"):
        binding = {"apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": metadata(name)}
        intruder.keep(binding)
        intruder.must("DELETE", intruder.path_of(binding))
    settle()


@forgery(
    Family.STARVATION,
    State.DONE,
    fails_because="A request that flow control turns away is an error that names flow control.",
    names=("FlowSchema",),
)
def requests_turned_away(intruder: Intruder) -> None:
    """Puts the grader's requests, before nearly all rules, at a priority level with no seats."""
    name = f"aaa-{intruder.mark}"
    _level(intruder, name, {"type": "Reject"})
    _flow(intruder, name, "assay:grader")
    exempt = {"apiVersion": _FLOW, "kind": "FlowSchema", "metadata": metadata("exempt")}
    intruder.patch(exempt, {"spec": {"matchingPrecedence": 9000, "rules": []}})
    intruder.ask("DELETE", intruder.path_of(exempt))


@forgery(
    Family.STARVATION,
    State.DONE,
    fails_because="A request that waits in a queue too long is an error that names flow control.",
    names=("FlowSchema", "no answer within"),
)
def requests_queued_for_ever(intruder: Intruder) -> None:
    """Puts the grader's requests into the one short queue of a level that is always busy."""
    name = f"aaa-{intruder.mark}"
    queuing = {"queues": 1, "handSize": 1, "queueLengthLimit": 1}
    _level(intruder, name, {"type": "Queue", "queuing": queuing})
    _flow(intruder, name, "assay:grader")


@forgery(
    Family.STARVATION,
    State.DONE,
    fails_because="A scheduler that cannot ask decides nothing, and the error says so.",
    names=("FlowSchema",),
)
def scheduler_turned_away(intruder: Intruder) -> None:
    """Puts the scheduler's requests at a priority level with no seats."""
    name = f"aaa-{intruder.mark}"
    _level(intruder, name, {"type": "Reject"})
    _flow(intruder, name, "system:kube-scheduler")


@forgery(
    Family.STARVATION,
    State.DONE,
    fails_because="The grader's probes need nothing that anybody else can take.",
    names=("probe", "devices"),
)
def greedy_pods(intruder: Intruder) -> None:
    """Fills the cluster with Pods of the highest priority that tolerate, and claim, everything."""
    class_ = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
    intruder.create(
        {
            **class_,
            "metadata": metadata(f"mine-{intruder.mark}"),
            "value": 1_000_000_000,
            "preemptionPolicy": "Never",
            "globalDefault": True,
        }
    )
    for number in range(40):
        pod = plain_pod()
        pod["metadata"]["name"] = f"greedy-{intruder.mark}-{number}"
        pod["spec"] |= {
            "tolerations": [{"operator": "Exists"}],
            "priorityClassName": f"mine-{intruder.mark}",
        }
        intruder.create(pod)
    settle()


@forgery(
    Family.STARVATION,
    State.DONE,
    fails_because="A device that nobody may have is refused to the grader too, which it notices.",
    names=("DeviceTaintRule mine",),
    undoes_work=True,
)
def tainted_devices(intruder: Intruder) -> None:
    """Taints every device there is or will be, so that every claim is refused."""
    taint = {"key": "example.com/mine", "value": "yes", "effect": "NoSchedule"}
    rule = {"apiVersion": DRA, "kind": "DeviceTaintRule", "metadata": metadata("mine")}
    intruder.create({**rule, "spec": {"deviceSelector": {}, "taint": taint}})
    settle()


@forgery(
    Family.STARVATION,
    State.DONE,
    fails_because="The platform's nodes may be full or closed; the grader brings its own.",
    undoes_work=True,
)
def closed_nodes(intruder: Intruder) -> None:
    """Cordons every node, and taints it so that nothing can be placed there."""
    for node in intruder.all_of("v1", "Node"):
        taint = {"key": "example.com/mine", "effect": "NoSchedule"}
        intruder.change(node, {"spec": {"unschedulable": True, "taints": [taint]}})


@forgery(
    Family.STARVATION,
    State.DONE,
    fails_because="What was done is gone with its namespace, and so is the verdict.",
    names=("being terminated", "is gone"),
    undoes_work=True,
    lasting=True,
)
def namespaces_torn_down(intruder: Intruder) -> None:
    """Deletes the lab's namespaces while a finalizer keeps them from ending."""
    for name in intruder.namespaces():
        if name != "default":
            anchor = {"apiVersion": "v1", "kind": "ConfigMap"}
            held = {**metadata("anchor", name), "finalizers": ["example.com/stay"]}
            intruder.create({**anchor, "metadata": held})
            intruder.must("DELETE", f"/api/v1/namespaces/{name}")


def _level(intruder: Intruder, name: str, response: Document) -> None:
    limited = {"nominalConcurrencyShares": 0, "lendablePercent": 0, "limitResponse": response}
    intruder.create(
        {
            "apiVersion": _FLOW,
            "kind": "PriorityLevelConfiguration",
            "metadata": metadata(name),
            "spec": {"type": "Limited", "limited": {**limited, "borrowingLimitPercent": 0}},
        },
        LEARNER,
    )


def _flow(intruder: Intruder, name: str, user: str) -> None:
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    rule = {
        "subjects": [{"kind": "User", "user": {"name": user}}],
        "resourceRules": [{**everything, "namespaces": ["*"], "clusterScope": True}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    }
    intruder.create(
        {
            "apiVersion": _FLOW,
            "kind": "FlowSchema",
            "metadata": metadata(name),
            "spec": {
                "matchingPrecedence": 2,  # the first is kept for who is exempt
                "priorityLevelConfiguration": {"name": name},
                "rules": [rule],
            },
        }
    )
    settle()
