"""The components of a cluster: the command line and the environment of each process.

Paths are relative to the cluster's folder, which is the working folder of every component: the
path of a unix socket has a limit of 108 bytes, and a folder may lie deep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clusters.addons.catalogue import components_of
from clusters.podrunner.addresses import CONTROL_PLANE, POD_RANGE, SERVICE_RANGE
from clusters.providers.embedded.folder import Record
from clusters.providers.embedded.ports import LOOPBACK

DOOR = "door"
"""Component that only walled clusters have; it holds their network namespace."""
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
"""Names of the components that every cluster has; each is a pinned binary."""
DNS, RUNNER, PROXY = "coredns", "podrunner", "kube-proxy"
"""Components that only clusters with a network have."""
NETWORK_BINARIES = (DNS, PROXY)
MANIFESTS = Path(__file__).parent / "manifests"
_SPARING = {"GOGC": "30", "GOMAXPROCS": "1"}
"""Collect garbage when the heap has grown by this many percent, not by 100; and use one processor,
so that a timer does not wake a second thread that finds nothing to do."""
_MOST_SPARING = {"GOGC": "20"}
"""For the one large heap: saves 75 MiB, and costs half a second of processor time at the start."""
_SLACK = 0.05
"""Seconds; half of what the most frequent timers of a control plane wait."""
_ETCD = "unix://etcd.sock"
_ETCD_PEERS = "unix://etcd-peers.sock"


@dataclass(frozen=True)
class ComponentCommand:
    """How one component is started."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Settings of the Go runtime."""
    slack: float = 0.0
    """Seconds by which it may be woken late, see `timer_slack`."""


def names_of(record: Record) -> tuple[str, ...]:
    """Return the components of a cluster; one in which any of them does not run is degraded."""
    walls = (DOOR,) if record.walled else ()
    network = network_names(record) if record.networked else ()
    return (*walls, *COMPONENTS, *network, *components_of(record.addons, nodes_of(record)))


def network_names(record: Record) -> tuple[str, ...]:
    """Return the components of a network; kube-proxy needs a node."""
    return (DNS, RUNNER, *((PROXY,) if record.inventory else ()))


def nodes_of(record: Record) -> tuple[str, ...]:
    """Return the names of a cluster's nodes; none while it is not dressed."""
    return tuple(node.name for node in record.inventory.nodes) if record.inventory else ()


def door(descriptor: int, port: int) -> ComponentCommand:
    """Return how the door is started, by Python: with the host's listening socket.

    Args:
        descriptor: the socket, bound to the port on the host's loopback.
        port: loopback port of the API server, on both sides.
    """
    program = str(Path(__file__).parent / "door.py")
    return ComponentCommand(DOOR, ("-I", "-S", program, str(descriptor), str(port)))


def etcd() -> ComponentCommand:
    """Return how etcd is started: on sockets in the private folder, with no port."""
    return ComponentCommand(
        "etcd",
        (
            "--name=assay",
            "--data-dir=etcd",
            f"--listen-client-urls={_ETCD}",
            f"--advertise-client-urls={_ETCD}",
            f"--listen-peer-urls={_ETCD_PEERS}",
            f"--initial-advertise-peer-urls={_ETCD_PEERS}",
            f"--initial-cluster=assay={_ETCD_PEERS}",
            # A lab's cluster is disposable: a power cut may lose it, a killed process does not.
            "--unsafe-no-fsync",
            # The only member elects itself after up to five heartbeats: 0.5 s, not 1 s. Each of
            # them is a waking, for as long as the cluster lives.
            "--heartbeat-interval=100",
            "--election-timeout=500",
            "--log-level=warn",
        ),
        _SPARING,
        _SLACK,
    )


def api_server(port: int, *, networked: bool = False) -> ComponentCommand:
    """Return how the API server is started: on loopback, for client certificates only.

    Args:
        port: loopback port.
        networked: whether Pods of the cluster's own network are to reach it, and it them.
    """
    reach = _NETWORKED if networked else _ALONE
    return ComponentCommand(
        "kube-apiserver",
        (
            f"--etcd-servers={_ETCD}",
            *reach,
            f"--secure-port={port}",
            "--permit-port-sharing",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged",
            "--anonymous-auth=false",
            "--client-ca-file=pki/ca.crt",
            "--tls-cert-file=pki/apiserver.crt",
            "--tls-private-key-file=pki/apiserver.key",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            "--service-account-key-file=pki/service-accounts.pub",
            "--service-account-signing-key-file=pki/service-accounts.key",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--audit-policy-file={MANIFESTS / 'audit-policy.yaml'}",
            "--audit-log-path=audit/audit.log",
            "--audit-log-maxsize=100",
            "--audit-log-maxbackup=5",
            "--etcd-count-metric-poll-period=0",
            "--etcd-db-metric-poll-interval=0",
            "--profiling=false",
            # There is one API server; it need not tell others of itself. And no lists are so long
            # that what they cost has to be reckoned from every key, every minute.
            "--feature-gates=APIServerIdentity=false,UnknownVersionInteroperabilityProxy=false,"
            "SizeBasedListCostEstimate=false",
        ),
        _MOST_SPARING,
        _SLACK,
    )


def controller_manager() -> ComponentCommand:
    """Return how the controller-manager is started: without a port and without a signing key."""
    return ComponentCommand(
        "kube-controller-manager",
        (
            "--kubeconfig=controller-manager.kubeconfig",
            "--leader-elect=false",
            "--secure-port=0",
            "--use-service-account-credentials",
            "--service-account-private-key-file=pki/service-accounts.key",
            "--root-ca-file=pki/ca.crt",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            "--profiling=false",
        ),
        _SPARING,
        _SLACK,
    )


def scheduler() -> ComponentCommand:
    """Return how the scheduler is started: without a port."""
    return ComponentCommand(
        "kube-scheduler",
        (
            "--kubeconfig=scheduler.kubeconfig",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            "--profiling=false",
        ),
        _SPARING,
        _SLACK,
    )


_ALONE = (
    f"--bind-address={LOOPBACK}",
    f"--advertise-address={LOOPBACK}",
    "--endpoint-reconciler-type=none",
    f"--egress-selector-config-file={MANIFESTS / 'egress.yaml'}",
)
"""It dials nobody, and only the host's loopback, or the cluster's, reaches it."""
_NETWORKED = (
    # Inside the walls everybody is of this cluster; and it dials nobody else, for there is no way.
    "--bind-address=0.0.0.0",
    f"--advertise-address={CONTROL_PLANE}",
    "--endpoint-reconciler-type=lease",
    "--kubelet-preferred-address-types=InternalIP",
    "--kubelet-certificate-authority=pki/ca.crt",
    "--kubelet-client-certificate=pki/kubelet-client.crt",
    "--kubelet-client-key=pki/kubelet-client.key",
)


def kwok(*, networked: bool = False) -> ComponentCommand:
    """Return how kwok is started: with stages from files, no API of its own and no server.

    Args:
        networked: whether Pods are left to the pod runner.
    """
    stages = ("node-stages",) if networked else ("node-stages", "pod-stages")
    return ComponentCommand(
        "kwok",
        (
            "--kubeconfig=kwok.kubeconfig",
            *(f"--config={MANIFESTS / stage}.yaml" for stage in stages),
            "--manage-all-nodes",
            "--node-lease-duration-seconds=40",
            f"--cidr={POD_RANGE}",
            "--node-port=0",
            "--server-address=",
        ),
        _SPARING,
        _SLACK,
    )
