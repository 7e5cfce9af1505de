"""The files of a container's own: who it is, whom it knows, and small programs of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clusters.podrunner.addresses import DNS_SERVICE

OWN_PROGRAMS = "/opt/assay/bin"
"""Where a container finds Python, and the programs that images stand for."""
_PROGRAMS = Path(__file__).parent / "programs"
_LONGEST_NAME = 63


def own_files(pod: Mapping[str, Any], address: str, uid: int) -> dict[str, str]:
    """Return the text of each file, by path.

    Args:
        pod: the container's Pod.
        address: the Pod's address.
        uid: account of its processes; 0 where it has none of its own.
    """
    people = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    groups = "root:x:0:\nnogroup:x:65534:\n"
    if uid:
        people += f"pod:x:{uid}:{uid}:pod:/root:/bin/sh\n"
        groups += f"pod:x:{uid}:\n"
    programs = {
        f"{OWN_PROGRAMS}/{program.stem.replace('_', '-')}": program.read_text(encoding="utf-8")
        for program in sorted(_PROGRAMS.glob("*.py"))
    }
    return {
        **programs,
        "/etc/passwd": people,
        "/etc/group": groups,
        "/etc/hostname": f"{hostname_of(pod)}\n",
        "/etc/hosts": _hosts(pod, address),
        "/etc/resolv.conf": _resolver(pod),
        "/etc/nsswitch.conf": "hosts: files dns\n",
    }


def hostname_of(pod: Mapping[str, Any]) -> str:
    """Return what a Pod's containers take for the name of their host."""
    name: str = pod["spec"].get("hostname") or pod["metadata"]["name"]
    return name[:_LONGEST_NAME]


def _hosts(pod: Mapping[str, Any], address: str) -> str:
    lines = ["127.0.0.1\tlocalhost"]
    subdomain, namespace = pod["spec"].get("subdomain"), pod["metadata"]["namespace"]
    hostname = hostname_of(pod)
    names = [hostname]
    if subdomain:
        names.insert(0, f"{hostname}.{subdomain}.{namespace}.svc.cluster.local")
    lines.append(f"{address}\t{' '.join(names)}")
    for alias in pod["spec"].get("hostAliases") or ():
        lines.append(f"{alias['ip']}\t{' '.join(alias.get('hostnames') or ())}")
    return "\n".join(lines) + "\n"


def _resolver(pod: Mapping[str, Any]) -> str:
    """Return what a Pod resolves names by: nothing of the host's, whatever its dnsPolicy."""
    config = pod["spec"].get("dnsConfig") or {}
    namespace = pod["metadata"]["namespace"]
    search = [f"{namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local"]
    servers, options = [DNS_SERVICE], ["ndots:5"]
    if pod["spec"].get("dnsPolicy") == "None":
        search, servers, options = [], [], []
    servers += config.get("nameservers") or ()
    search += config.get("searches") or ()
    for option in config.get("options") or ():
        options.append(
            f"{option['name']}:{option['value']}" if "value" in option else option["name"]
        )
    lines = [f"nameserver {server}" for server in servers[:3]]
    lines += [f"search {' '.join(search)}"] if search else []
    lines += [f"options {' '.join(options)}"] if options else []
    return "\n".join(lines) + "\n"
