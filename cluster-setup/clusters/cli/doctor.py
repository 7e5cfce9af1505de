"""`assay doctor`: what this host can do, and how to get what it lacks."""

from __future__ import annotations

import click
from rich.markup import escape
from rich.table import Column, Table

from clusters.cli.fixing import fix_host
from clusters.cli.options import provider_option
from clusters.cli.output import err, json_option, out, print_json
from clusters.doctor import Diagnosis, Finding, Group, ProviderDiagnosis, State, diagnose
from clusters.doctor.diagnosis import PLANNED
from clusters.errors import EXIT_DONE, EXIT_PLATFORM

_MARKS = {
    State.OK: "[green]✓[/]",
    State.WARN: "[yellow]![/]",
    State.MISSING: "[red]✗[/]",
}
_TITLES = {
    Group.HOST: "This host",
    Group.CONTAINERS: "For clusters with containers only",
}
_ASSURANCE = {
    "practice": "notebooks share the platform's account, so badges say `practice`",
    "isolated": "notebooks can run as accounts that read neither keys nor graders' credentials",
}


@click.command()
@provider_option
@click.option("--fix", is_flag=True, help="Set up what Docker lacks here, after asking.")
@click.option("--yes", is_flag=True, help="With --fix: do not ask.")
@json_option
@click.pass_context
def doctor(context: click.Context, provider_name: str, fix: bool, yes: bool, as_json: bool) -> None:
    """Say what this host can do, per provider, and how to get what it lacks.

    Nothing is changed without --fix. Leaves with 0 when the provider can make a cluster, else with
    3.

    \b
    Examples:
      assay doctor
      assay doctor --provider kind --fix
      assay doctor --json | jq '.findings[] | select(.state != "ok")'
    """
    if yes and not fix:
        raise click.UsageError("--yes goes with --fix")
    steps = fix_host(yes=yes, as_json=as_json) if fix else None
    diagnosis = diagnose(provider_name)
    if as_json:
        print_json(diagnosis.to_json() | ({} if steps is None else {"steps": steps}))
    else:
        _print(diagnosis)
    context.exit(EXIT_DONE if diagnosis.ready else EXIT_PLATFORM)


def _print(diagnosis: Diagnosis) -> None:
    for group, title in _TITLES.items():
        out.print(f"[bold]{title}[/]")
        out.print(_findings(diagnosis.findings, group))
        out.print()
    out.print("[bold]Providers[/]")
    out.print(_providers(diagnosis.providers))
    assurance = diagnosis.assurance
    out.print(f"\n[bold]Assurance[/] {assurance}: {_ASSURANCE[assurance]}.")
    if diagnosis.ready:
        out.print(f"[bold green]Ready[/] `{diagnosis.provider}` can make clusters.")
    else:
        err.print(f"[bold red]Not ready[/] `{diagnosis.provider}` cannot make clusters yet.")


def _findings(findings: tuple[Finding, ...], group: Group) -> Table:
    table = _grid()
    for finding in findings:
        if finding.group is not group:
            continue
        row = (_MARKS[finding.state], finding.name, _with_fix(finding.found, finding.fix))
        table.add_row(*row)
    return table


def _providers(providers: tuple[ProviderDiagnosis, ...]) -> Table:
    table = _grid()
    for known in providers:
        if not known.installed:
            table.add_row("[dim]-[/]", known.name, f"not installed here: {PLANNED[known.name]}")
        elif known.ready:
            table.add_row(_MARKS[State.OK], known.name, f"offers {', '.join(known.capabilities)}")
        else:
            lacks = "\n".join(escape(sentence) for sentence in known.lacks)
            table.add_row(_MARKS[State.MISSING], known.name, lacks)
    return table


def _grid() -> Table:
    wrapped = Column(overflow="fold", ratio=1)
    return Table("", Column(no_wrap=True, min_width=18), wrapped, box=None, show_header=False)


def _with_fix(found: str, fix: str) -> str:
    return f"{escape(found)}\n[dim]→ {escape(fix)}[/]" if fix else escape(found)
