"""`assay doctor --fix`: does what the doctor would have a person do, step by step."""

from __future__ import annotations

import sys
import time
from typing import Any

import click
from rich.markup import escape

from clusters.cli.output import err, print_phase
from clusters.doctor.docker import Step, Told, docker_facts, steps_for
from clusters.images.node import ensure_node_image
from clusters.providers.kind.node_image import node_image_here


def _build_image(told: Told) -> None:
    told("assay images build")
    ensure_node_image(on_phase=print_phase)


NODE_IMAGE = Step(
    "node-image",
    "Build the node image from pinned packages and modules (40 s; 30 minutes where binaries have "
    "to be built, too)",
    "nodes are made of it, and none is in the cache or in Docker",
    _build_image,
)


def fix_host(*, yes: bool, as_json: bool) -> list[dict[str, Any]]:
    """Set Docker up on this host, after asking; return the steps that were done.

    Args:
        yes: do not ask.
        as_json: standard output is for a document, so everything here goes to standard error.

    Raises:
        ClusterError: this host needs something that cannot be done from here, or a step failed.
        click.UsageError: there is nobody to ask.
    """
    steps = steps_for(docker_facts())
    if node_image_here() is None:
        steps.append(NODE_IMAGE)
    if not steps:
        err.print("Docker and the node image are ready; there is nothing to fix.")
        return []
    _print_plan(steps)
    if not yes:
        _ask(as_json)
    return [_done(step) for step in steps]


def _print_plan(steps: list[Step]) -> None:
    err.print("[bold]For clusters with containers this host needs[/]")
    for number, step in enumerate(steps, 1):
        err.print(f"  {number}. {escape(step.title)}\n     [dim]because {escape(step.why)}[/]")


def _ask(as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here: add --yes to do these steps")
    click.confirm("Do this now?", abort=True, err=True)


def _done(step: Step) -> dict[str, Any]:
    began = time.monotonic()
    commands: list[str] = []

    def told(command: str) -> None:
        commands.append(command)
        err.print(f"  [dim]$ {escape(command)}[/]")

    step.act(told)
    seconds = time.monotonic() - began
    err.print(f"  [green]✓[/] {escape(step.title)} [dim]{seconds:.1f} s[/]")
    return {
        "name": step.name,
        "title": step.title,
        "why": step.why,
        "commands": commands,
        "seconds": round(seconds, 3),
    }
