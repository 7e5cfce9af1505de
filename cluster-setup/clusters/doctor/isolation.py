"""What keeps learners apart here: network namespaces, and accounts of their own."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from clusters.binaries.lock import installed_lock
from clusters.binaries.store import Slot
from clusters.doctor.finding import Finding, State, ask
from clusters.providers.embedded.network import why_no_network

ACCOUNTS = "Learner accounts"
"""Name of the finding that decides the assurance."""
_UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "true"]
_UNSHARE_AS_ROOT = ["unshare", "--net", "true"]


def probe_namespaces() -> Finding:
    """Try to make a network namespace, without root and with it."""
    root = os.geteuid() == 0
    if (unprivileged := ask(_UNSHARE, as_nobody=root)).ok:
        return Finding("Network namespaces", State.OK, "also without root")
    if root and ask(_UNSHARE_AS_ROOT).ok:
        return Finding("Network namespaces", State.OK, "as root only")
    fix = (
        "Clusters share the host's loopback, behind certificates. To change that: "
        "`sysctl -w kernel.unprivileged_userns_clone=1` (Debian) or "
        "`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu)."
    )
    reason = unprivileged.text.splitlines()[-1:] or ["refused"]
    return Finding("Network namespaces", State.WARN, reason[0], fix)


def probe_cluster_networks() -> Finding:
    """Try what the network of a cluster needs, and say what is lost without."""
    name = "Networks of clusters"
    if not (reason := why_no_network()):
        return Finding(name, State.OK, "Pods can be processes with addresses, behind Services")
    fix = (
        "Labs that need `networking` cannot be started on embedded clusters; all others can. "
        "docs/network.md says what it needs: iproute2, nftables, namespaces and veth."
    )
    return Finding(name, State.WARN, reason, fix)


def probe_accounts() -> Finding:
    """Try whether notebooks can run as other machine accounts than the platform's."""
    if os.geteuid() != 0:
        fix = "Run Assay as root, so that it can start each notebook as its learner's account."
        return Finding(ACCOUNTS, State.WARN, "notebooks share your account", fix)
    kubectl = Slot("kubectl", installed_lock().binaries["kubectl"].version)
    programs = [[sys.executable, "-c", "import clusters"]]
    programs += [[str(kubectl.path), "--help"]] if kubectl.filled else []
    if all(ask(program, as_nobody=True).ok for program in programs):
        return Finding(ACCOUNTS, State.OK, "notebooks can run as accounts of their own")
    executable = Path(sys.executable)
    needed = (executable, executable.resolve(), Path(__file__), kubectl.path)
    closed = ", ".join(map(str, closed_to_others(needed)))
    found = f"other accounts cannot enter {closed or 'the installation'}"
    fix = (
        "Put Assay, its Python and ASSAY_CACHE where every account can read them, below /opt for "
        "example, with `make setup PYTHON=/usr/bin/python3`."
    )
    return Finding(ACCOUNTS, State.WARN, found, fix)


def assurance(accounts: Finding) -> str:
    """Return the best assurance that attempts can have, given how notebooks can run."""
    return "isolated" if accounts.state is State.OK else "practice"


def closed_to_others(needed: Iterable[Path]) -> list[Path]:
    """Return the folders on the way to `needed` that an account without rights cannot enter."""
    folders = {folder for path in needed for folder in path.parents if folder.is_dir()}
    return sorted(folder for folder in folders if not folder.stat().st_mode & stat.S_IXOTH)
