"""Command lines: how the processes of add-ons are started, and what components need for them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from clusters.addons import AddOn
from clusters.addons.addon import Process
from clusters.addons.objects import fill
from clusters.providers.embedded.addons.files import FRONT_PROXY
from clusters.providers.embedded.components import ComponentCommand

PROGRAMS = Path(__file__).parents[3] / "addons" / "programs"
_MIB = 1 << 20
_SLACK = 192
"""MiB that a Go program sets aside without ever touching them."""
_FILES = 4096
_PRIVATE_FOLDERS = (
    'mount -t tmpfs -o mode=0755 tmpfs "$1" && shift && while [ "$1" != -- ]; do '
    'mkdir -p "$(dirname "$1")" && ln -s "$PWD/$2" "$1" || exit 1; shift 2; done; shift; exec "$@"'
)
_DIALLING = (
    # Services lead to the addresses behind them, without kube-proxy.
    "--enable-aggregator-routing=true",
    f"--proxy-client-cert-file=pki/{FRONT_PROXY}.crt",
    f"--proxy-client-key-file=pki/{FRONT_PROXY}.key",
    f"--requestheader-client-ca-file=pki/{FRONT_PROXY}.crt",
    f"--requestheader-allowed-names={FRONT_PROXY}",
    "--requestheader-username-headers=X-Remote-User",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
)


def binaries_of(addons: Sequence[AddOn]) -> tuple[str, ...]:
    """Return the pinned binaries that add-ons need."""
    return tuple(binary for addon in addons for binary in addon.binaries)


def fitted(command: ComponentCommand, addons: Sequence[AddOn]) -> ComponentCommand:
    """Return how a component is started in a cluster of these add-ons.

    An API server that has to call them may dial; the walls decide whom it can reach.
    """
    arguments = command.arguments
    if command.name == "kube-apiserver" and any(addon.process for addon in addons):
        kept = (a for a in arguments if not a.startswith("--egress-selector-config-file"))
        arguments = (*kept, *_DIALLING)
    more = (flag for addon in addons for flag in addon.flags.get(command.name, ()))
    return replace(command, arguments=(*arguments, *more))


def command_of(
    component: str, process: Process, values: Mapping[str, str], binaries: Mapping[str, Path]
) -> tuple[ComponentCommand, tuple[str, ...]]:
    """Return how a process of an add-on is started: its command, and the program with limits.

    Args:
        component: name of the process.
        process: what its add-on says.
        values: what the names in that text stand for.
        binaries: path of each binary.
    """
    environment = {
        "GOGC": "40",
        "GOMEMLIMIT": f"{process.memory}MiB",
        "KUBECONFIG": f"{values['folder']}/kubeconfig",
        **{name: fill(text, values) for name, text in process.environment.items()},
    }
    arguments = tuple(fill(argument, values) for argument in process.arguments)
    program = (*_limits(process), *_binds(process, values), *_program(process, binaries))
    return ComponentCommand(component, arguments, environment), program


def python(program: str) -> tuple[str, ...]:
    """Return how a small program of ours is started."""
    return (sys.executable, "-I", "-S", str(PROGRAMS / f"{program}.py"))


def _program(process: Process, binaries: Mapping[str, Path]) -> tuple[str, ...]:
    return (str(binaries[process.binary]),) if process.binary else python(process.program)


def _limits(process: Process) -> tuple[str, ...]:
    """Return the command that gives a process its limits, before it is the process."""
    data = (2 * process.memory + _SLACK) * _MIB
    limits = (f"--data={data}", f"--nofile={_FILES}", "--core=0")
    return ("nice", "-n", "5", shutil.which("prlimit") or "prlimit", *limits, "--")


def _binds(process: Process, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the command that shows a process folders of ours where it looks for them."""
    if not process.binds:
        return ()
    pairs = [word for at, to in process.binds.items() for word in (at, fill(to, values))]
    top = "/" + next(iter(process.binds)).split("/")[1]
    return ("unshare", "--mount", "--", "/bin/sh", "-c", _PRIVATE_FOLDERS, "sh", top, *pairs, "--")
