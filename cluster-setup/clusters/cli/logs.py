"""Printing the logs of a cluster's components, once or as they grow."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import click

from clusters.errors import NotFound
from clusters.provider import ClusterProvider

_POLL_SECONDS = 0.5


def read_logs(provider: ClusterProvider, name: str, component: str | None) -> dict[str, str]:
    """Return the logs of a cluster by component.

    Args:
        provider: who made the cluster.
        name: name of the cluster.
        component: one component only; None takes all.

    Raises:
        NotFound: there is no such cluster, or no such component in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = provider.collect_logs(name, Path(folder))
        logs = {path.stem: path.read_text(errors="replace") for path in files}
    if component is None:
        return logs
    if component not in logs:
        known = ", ".join(logs) or "no log yet"
        raise NotFound(f"cluster {name} has no log of {component!r}; it has: {known}")
    return {component: logs[component]}


def print_logs(logs: Mapping[str, str]) -> None:
    """Print logs; each line begins with its component where there are several."""
    for component, text in logs.items():
        prefix = f"{component}: " if len(logs) > 1 else ""
        for line in text.splitlines():
            click.echo(prefix + line)


def follow_logs(provider: ClusterProvider, name: str, component: str | None) -> None:
    """Print logs and what is added to them, until the cluster is gone or Ctrl-C."""
    logs = read_logs(provider, name, component)
    printed = dict.fromkeys(logs, 0)
    while True:
        print_logs({c: text[printed.get(c, 0) :] for c, text in logs.items()})
        printed = {c: len(text) for c, text in logs.items()}
        time.sleep(_POLL_SECONDS)
        try:
            logs = read_logs(provider, name, component)
        except NotFound:
            return
