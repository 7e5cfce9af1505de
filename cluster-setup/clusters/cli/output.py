"""What every command of Assay has in common: `--json`, and errors as one sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console

from clusters.errors import AssayError, InputInvalid
from clusters.phases import OnPhase, Phase

F = TypeVar("F", bound=Callable[..., Any])

out = Console(highlight=False, soft_wrap=True)
"""Standard output: results only."""
err = Console(stderr=True, highlight=False, soft_wrap=True)
"""Standard error: progress and errors."""


def json_option(command: F) -> F:
    """Add `--json`: exactly one JSON document on standard output, nothing else there."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
    )(command)


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def print_phase(phase: Phase) -> None:
    """Print a phase on standard error as it ends, with its time."""
    if phase.seconds is not None:
        err.print(f"  [green]✓[/] {phase.message} [dim]{phase.seconds:.1f} s[/]")


def phase_printer(as_json: bool) -> OnPhase:
    """Return who listens to phases: nobody needs them in a JSON run on a pipe."""
    quiet = as_json and not sys.stderr.isatty()
    return (lambda phase: None) if quiet else print_phase


def end_with(error: AssayError) -> NoReturn:
    """Print an expected error on standard error and leave with its exit code."""
    lines = error.problems if isinstance(error, InputInvalid) else [str(error)]
    for line in lines:
        click.echo(f"assay: {line}", err=True)
    raise SystemExit(error.exit_code)
