"""The commands `assay up`, `down`, `status`, `account` and `tour`."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from clusters.cli.options import provider_option
from clusters.cli.output import err, json_option, out, phase_printer, print_json
from clusters.errors import EXIT_NO
from hub.accounts import Accounts, NewPassword, Role
from hub.installation import DEFAULT_PORT, address
from hub.lab_clusters import ClusterFate


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    envvar="ASSAY_PORT",
    help="Port on 127.0.0.1 where people find the platform.",
)
@click.option("--foreground", is_flag=True, help="Stay, log here, and stop with Ctrl-C.")
@provider_option
@json_option
def up(port: int, foreground: bool, provider_name: str, as_json: bool) -> int:
    """Start the platform on 127.0.0.1 and print the address and the first sign-in.

    It runs in the background until `assay down`; a part that dies is started again. The first start
    makes the accounts `learner` and `instructor`; their passwords are shown once, here.

    \b
    assay up
    assay up --port 8080
    assay up --provider kind
    assay up --json | jq -r .url
    """
    from hub import platform

    os.environ["ASSAY_PROVIDER"] = provider_name  # for all that the platform starts
    on_phase = phase_printer(as_json)
    if foreground:
        return _stay(port, as_json)
    started = platform.start(port, on_phase)
    if as_json:
        print_json(started.to_json())
        return 0
    if started.already:
        out.print(f"Assay runs already: [bold]{started.url}[/]")
    else:
        out.print(f"\nAssay runs: [bold]{started.url}[/]")
    _print_passwords(started.accounts)
    return 0


@click.command()
@click.option(
    "--clusters",
    type=click.Choice([fate.value for fate in ClusterFate]),
    default=ClusterFate.STOP.value,
    show_default=True,
    help="stop: end their processes, keep the work; keep: let them run; delete: remove them.",
)
@json_option
def down(clusters: str, as_json: bool) -> int:
    """Stop the platform with its notebooks; nothing is left running.

    The clusters of open labs are stopped with their contents, and go on after the next `assay up`.
    Accounts, verdicts, badges and notebooks stay in any case.

    \b
    assay down
    assay down --clusters delete
    """
    from hub import platform

    found = platform.stop(ClusterFate(clusters), phase_printer(as_json))
    if as_json:
        print_json({"stopped": found, "clusters": clusters})
    else:
        out.print("Assay is stopped." if found else "Assay was not running.")
    return 0


@click.command()
@json_option
def status(as_json: bool) -> int:
    """Say whether the platform runs and where; exit code 1 when it does not answer.

    \b
    assay status
    assay status --json | jq .clusters
    """
    from hub import platform

    found = platform.status()
    if as_json:
        print_json(found.to_json())
        return 0 if found.running else EXIT_NO
    if found.pid is None:
        out.print("Assay does not run. Start it: assay up")
    else:
        out.print(f"Assay: [bold]{found.url}[/] (supervisor pid {found.pid})")
        for name in ("hub", "proctor", "site"):
            answers = getattr(found, name)
            out.print(
                f"  {name:<8} {'[green]answers[/]' if answers else '[red]does not answer[/]'}"
            )
    out.print(f"  notebook servers: {found.notebooks}   clusters of labs: {found.clusters}")
    return 0 if found.running else EXIT_NO


@click.group()
def account() -> None:
    """Add, list, reset and remove the accounts of people.

    Passwords are generated and shown once. They are kept as scrypt hashes only.

    \b
    assay account add ada
    assay account add grace --role instructor
    assay account reset ada
    """


@account.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="learner")
@json_option
def add_account(name: str, role: str, as_json: bool) -> None:
    """Add the account NAME and show its password."""
    _show(Accounts().add(name, Role(role)), as_json)


@account.command("reset")
@click.argument("name")
@json_option
def reset_account(name: str, as_json: bool) -> None:
    """Give the account NAME a new password and show it."""
    _show(Accounts().reset(name), as_json)


@account.command("list")
@json_option
def list_accounts(as_json: bool) -> None:
    """Show every account and its role."""
    accounts = Accounts().all()
    if as_json:
        print_json([found.to_json() for found in accounts])
        return
    for found in accounts:
        out.print(f"{found.name:<32} {found.role.value:<12} {found.changed_at}")


@account.command("remove")
@click.argument("name")
@json_option
def remove_account(name: str, as_json: bool) -> None:
    """Remove the account NAME; its attempts and badges stay."""
    Accounts().remove(name)
    if as_json:
        print_json({"removed": name})
    else:
        out.print(f"Removed {name}. Whoever is signed in with it is signed out within a minute.")


@click.command()
@provider_option
@json_option
def tour(provider_name: str, as_json: bool) -> None:
    """Play the whole story on a platform of its own; the first thing that is not true ends it.

    Sign in, start a lab, solve it through the notebook's kernel, grade, badge, verify the badge. It
    uses a free port and a folder of its own, and leaves nothing behind.

    \b
    assay tour
    assay tour --provider kind
    assay tour --json | jq .seconds
    """
    from hub.tour import run_tour
    from hub.tour.story import Step

    os.environ["ASSAY_PROVIDER"] = provider_name

    def tell(step: Step) -> None:
        detail = f"  [dim]{step.detail}[/]" if step.detail else ""
        out.print(f"  [green]✓[/] {step.title:<58} {step.seconds:6.1f} s{detail}")

    steps = run_tour((lambda step: None) if as_json else tell)
    if as_json:
        print_json({"steps": [asdict(s) for s in steps], "seconds": sum(s.seconds for s in steps)})


def _stay(port: int, as_json: bool) -> int:
    from hub import platform, supervisor

    os.environ.update(platform.absolute_paths(os.environ))
    platform.prepare(port, phase_printer(as_json))
    accounts = tuple(Accounts().add_first())
    if as_json:
        print_json({"url": address(port), "accounts": [a.to_json() for a in accounts]})
    else:
        out.print(f"\nAssay starts on [bold]{address(port)}[/]; Ctrl-C stops it.")
        _print_passwords(accounts)
    supervisor.main(port)
    return 0


def _print_passwords(accounts: tuple[NewPassword, ...]) -> None:
    for made in accounts:
        out.print(f"  sign in as [bold]{made.name:<12}[/] password [bold]{made.password}[/]")
    if accounts:
        err.print(
            "[dim]These passwords are shown once; `assay account reset NAME` makes new ones.[/]"
        )
    else:
        err.print(
            "[dim]Passwords were shown at the first start; new ones: `assay account reset NAME`[/]"
        )


def _show(made: NewPassword, as_json: bool) -> None:
    if as_json:
        print_json(made.to_json())
    else:
        _print_passwords((made,))
