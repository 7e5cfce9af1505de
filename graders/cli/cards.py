"""How report cards look at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from graders.rehearsal import CardState, CardStatus

STATE_STYLES = {
    CardState.GREEN: "green",
    CardState.STALE: "yellow",
    CardState.RED: "red",
    CardState.MISSING: "yellow",
}


def present_state(state: CardState) -> str:
    """Return a state as markup."""
    return f"[{STATE_STYLES[state]}]{state}[/]"


def present_status(slug: str, status: CardStatus) -> RenderableType:
    """Return what the card of a lab says about the lab as it is now."""
    head = Text.from_markup(f"[bold]{slug}[/] {present_state(status.state)}  ")
    head.append(status.sentence)
    if not status.card:
        return head
    return Group(head, present_card(status.card))


def present_card(card: Mapping[str, Any]) -> RenderableType:
    """Return the figures of a card, what it found that must not be, and what was left out."""
    return Group(_figures(card), *_findings(card), _verdict(card))


def _figures(card: Mapping[str, Any]) -> Table:
    table = Table("kind", "runs", "true", box=None)
    for kind in dict.fromkeys(run["kind"] for run in card["runs"]):
        runs = [run for run in card["runs"] if run["kind"] == kind]
        table.add_row(kind, str(len(runs)), str(sum(run["true"] for run in runs)))
    return table


def _findings(card: Mapping[str, Any]) -> Iterator[Text]:
    for problem in card["problems"]:
        yield Text.from_markup(f"[red]✗[/] {escape(problem)}")
    for run in card["runs"]:
        for surprise in run["surprises"]:
            what = f"{run['kind']} {run['name']} (seed {run['seed']})"
            yield Text.from_markup(f"[red]✗[/] {escape(what)}: {escape(surprise)}")
    for name, reason in card["equivalent"].items():
        yield Text.from_markup(f"[dim]= {escape(name)}: {escape(reason)}[/]")
    for what in card["skipped"]:
        yield Text.from_markup(f"[yellow]-[/] skipped: {escape(what)}")
    for kind, names in card["left_out"].items():
        yield Text.from_markup(f"[yellow]-[/] left out for want of time: {len(names)} {kind}")


def _verdict(card: Mapping[str, Any]) -> Text:
    verdict = "[green]is proved[/]" if card["true"] else "[red]is not proved[/]"
    seconds = card["check_seconds"]
    return Text.from_markup(
        f"[bold]{card['lab']}[/] {card['version']} {verdict} with Kubernetes "
        f"{', '.join(card['kubernetes'])}: {card['killed']} of {card['mutants']} mutants killed "
        f"({card['kill_rate']:.1%}), {card['flake_rate']:.2%} flakes, a check takes "
        f"{seconds['median']:.2f} s (95 of 100 at most {seconds['p95']:.2f} s)."
    )
