"""The network of an embedded cluster that was asked for one: addresses, Services and names.

Inside the cluster's walls nodes and the control plane have addresses, the real kube-proxy makes
Services work, CoreDNS answers for names, and the pod runner starts what stands behind Pods.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from typing import Any

from clusters.binaries import binaries_present
from clusters.errors import ClusterError
from clusters.home import home
from clusters.podrunner.addresses import (
    CONTROL_PLANE,
    DNS_SERVICE,
    NODE_RANGE,
    POD_RANGE,
    SERVICE_RANGE,
)
from clusters.providers.embedded.components import (
    DNS,
    MANIFESTS,
    NETWORK_BINARIES,
    PROXY,
    RUNNER,
    ComponentCommand,
)
from clusters.providers.embedded.namespaces import Walls, making, why_no_walls

_SPARING = {"GOGC": "30"}
_PATIENCE = 20.0
_ROUTES = f"""\
link set lo up
addr replace {CONTROL_PLANE}/32 dev lo
route replace local {NODE_RANGE} dev lo
route replace {SERVICE_RANGE} dev lo src {CONTROL_PLANE}
"""
_FORWARD = ("net/ipv4/ip_forward", "1"), ("net/ipv4/conf/all/rp_filter", "0")
_TRIAL = """\
set -e
ip link set lo up
ip link add try0 type veth peer name try1
echo 1 > /proc/sys/net/ipv4/ip_forward
nft add table ip trial
nft add chain ip trial nat '{ type nat hook prerouting priority 0; }'
nft add rule ip trial nat ip daddr 10.96.0.10 ct state new dnat to 10.244.0.2
unshare --mount --pid --fork sh -c 'mount -t tmpfs trial /mnt && mount -t proc proc /proc'
"""


@cache
def why_no_network() -> str:
    """Try what a cluster's network needs; return what this host says against it, "" when it can."""
    if reason := why_no_walls():
        return reason
    for program, package in (("ip", "iproute2"), ("nft", "nftables")):
        if shutil.which(program, path=_search()) is None:
            return f"{program} is not installed; it comes with {package}"
    try:
        done = subprocess.run(
            [*making(), "sh", "-c", _TRIAL],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            cwd="/",
            env={"PATH": _search()},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    said = done.stderr.strip().splitlines()
    return f"the kernel refuses it: {said[-1] if said else 'no reason is given'}"


def missing_for_network() -> list[str]:
    """Return the pinned programs of a network that are not in the cache."""
    return binaries_present(NETWORK_BINARIES)


def lay_network(walls: Walls) -> None:
    """Give the cluster's namespace its addresses and routes; may be repeated.

    Raises:
        ClusterError: the kernel refused.
    """
    settings = "; ".join(f"echo {value} > /proc/sys/{name}" for name, value in _FORWARD)
    done = subprocess.run(
        [*walls.entering, "sh", "-ec", f"{settings}; exec ip -batch -"],
        input=_ROUTES,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
        pass_fds=walls.descriptors,
        env={"PATH": _search()},
    )
    if done.returncode != 0:
        raise ClusterError(f"the cluster's network cannot be laid: {done.stderr.strip()[:300]}")


def proxy(node: str) -> ComponentCommand:
    """Return how kube-proxy is started, for Services; it has to be given a node that exists."""
    return ComponentCommand(
        PROXY,
        (
            "--kubeconfig=kube-proxy.kubeconfig",
            f"--hostname-override={node}",
            "--proxy-mode=nftables",
            f"--cluster-cidr={POD_RANGE}",
            "--conntrack-max-per-core=0",
            "--conntrack-min=0",
            "--conntrack-tcp-timeout-established=0s",
            "--conntrack-tcp-timeout-close-wait=0s",
            "--healthz-bind-address=127.0.0.1:10256",
            "--metrics-bind-address=127.0.0.1:10249",
            "--nodeport-addresses=primary",
        ),
        {**_SPARING, "PATH": _search()},
    )


def dns() -> ComponentCommand:
    """Return how CoreDNS is started: for the cluster's own names only."""
    return ComponentCommand(DNS, (f"-conf={MANIFESTS / 'Corefile'}",), _SPARING)


def runner() -> ComponentCommand:
    """Return how the pod runner is started, by Python."""
    images = str(home() / "images.yaml")
    environment = {"PATH": _search(), "PYTHONDONTWRITEBYTECODE": "1"}
    if cache_folder := os.environ.get("ASSAY_CACHE"):
        environment["ASSAY_CACHE"] = cache_folder
    environment |= {key: os.environ[key] for key in ("HOME",) if key in os.environ}
    return ComponentCommand(RUNNER, ("-I", "-m", "clusters.podrunner", images), environment)


def rights() -> list[tuple[str, dict[str, Any]]]:
    """Return the roles of a network's components, without which they can do nothing."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    return [
        *_rights(rbac, RUNNER, "assay:podrunner", _RUNNER_RULES),
        *_rights(rbac, DNS, "assay:coredns", _DNS_RULES),
    ]


def name_service() -> list[tuple[str, dict[str, Any]]]:
    """Return the Service by which Pods find CoreDNS; its owner may change it, as any other."""
    services = "/api/v1/namespaces/kube-system/services"
    slices = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"
    return [
        (services, _dns_service()),
        (slices, _dns_endpoints()),
    ]


_READ = ["get", "list", "watch"]
_RUNNER_RULES: list[dict[str, Any]] = [
    {"apiGroups": [""], "resources": ["pods", "nodes", "services"], "verbs": _READ},
    {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods/status", "nodes/status"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]},
    {"apiGroups": [""], "resources": ["serviceaccounts/token", "events"], "verbs": ["create"]},
]
"""What a kubelet may do, less what the runner does not."""
_DNS_RULES: list[dict[str, Any]] = [
    {
        "apiGroups": [""],
        "resources": ["services", "pods", "namespaces"],
        "verbs": ["list", "watch"],
    },
    {
        "apiGroups": ["discovery.k8s.io"],
        "resources": ["endpointslices"],
        "verbs": ["list", "watch"],
    },
]


def _rights(
    rbac: str, name: str, user: str, rules: list[dict[str, Any]]
) -> list[tuple[str, dict[str, Any]]]:
    metadata = {"name": f"assay:{name}"}
    group = "rbac.authorization.k8s.io"
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": metadata,
        "rules": rules,
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": metadata["name"]},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }
    return [(f"{rbac}/clusterroles", role), (f"{rbac}/clusterrolebindings", binding)]


_DNS_PORTS = (("dns", "UDP", 53), ("dns-tcp", "TCP", 53))


def _dns_service() -> dict[str, Any]:
    ports = [{"name": n, "protocol": p, "port": number} for n, p, number in _DNS_PORTS]
    labels = {"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "labels": labels},
        # Without a selector: no Pod stands behind it, so nobody else writes its endpoints.
        "spec": {"clusterIP": DNS_SERVICE, "ports": ports},
    }


def _dns_endpoints() -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns-host",
            "labels": {
                "kubernetes.io/service-name": "kube-dns",
                "endpointslice.kubernetes.io/managed-by": "assay.dev",
            },
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [CONTROL_PLANE], "conditions": {"ready": True}}],
        "ports": [{"name": n, "protocol": p, "port": number} for n, p, number in _DNS_PORTS],
    }


def _search() -> str:
    """Return where programs of the system are: `nft` and `ip` are not on everybody's path."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
