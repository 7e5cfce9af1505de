"""Phrases: times, durations and names as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from urllib.parse import quote

from flask import Flask
from markupsafe import Markup

from clusters.capability import Capability
from graders.ledger import Effect
from web.shelf import in_words

DOMAINS = {
    "A": "Architecture and infrastructure",
    "D": "GitOps and delivery",
    "P": "Platform APIs",
    "O": "Observability and operations",
    "S": "Security and policy",
}
"""Domains of the CNCF's CNPE curriculum that tasks align to."""

EFFECTS = {
    Effect.PASSED: "counts as done",
    Effect.FAILED: "does not count as done",
    Effect.WITHDRAWN: "is decided by the checks again",
}
"""What an override says about its task."""


def parse_time(moment: str) -> datetime:
    """Read a time as the ledger writes it."""
    return datetime.fromisoformat(moment)


def ago(moment: str, now: datetime | None = None) -> str:
    """Say how long ago something was: `just now`, `12 min ago`, `3 h ago`, then the date."""
    then = parse_time(moment)
    minutes = ((now or datetime.now(UTC)) - then).total_seconds() / 60
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{int(minutes)} min ago"
    if minutes < 24 * 60:
        return f"{int(minutes // 60)} h ago"
    return f"{then.day} {then:%b %Y}"


def duration(minutes: int) -> str:
    """Say a number of minutes: `40 min`, `2 h`, `2 h 5 min`."""
    hours, rest = divmod(minutes, 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{rest} min"] * (bool(rest) or not hours))


def time_left(deadline: str, now: datetime | None = None) -> str:
    """Say how much time is left until a deadline."""
    minutes = minutes_left(deadline, now)
    return f"{duration(minutes)} left" if minutes > 0 else "time is over"


def minutes_left(deadline: str, now: datetime | None = None) -> int:
    """Return the whole minutes until a deadline, rounded up; not below 0."""
    seconds = (parse_time(deadline) - (now or datetime.now(UTC))).total_seconds()
    return max(0, math.ceil(seconds / 60))


def count(number: int, noun: str) -> str:
    """Say a number of things: `1 task`, `6 tasks`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def time_tag(moment: str) -> Markup:
    """Return a `time` element that says how long ago something was; a dash for never."""
    if not moment:
        return Markup('<span class="quiet">\N{EN DASH}</span>')
    full = f"{parse_time(moment):%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment, full, ago(moment))


def spawn_path(hub_url: str, learner: str, slug: str) -> str:
    """Return where the hub starts a lab's notebook, or opens it when it runs.

    The name of a learner may hold any character.
    """
    return f"{hub_url}spawn/{quote(learner, safe='@~')}/{slug}?opt-lab={slug}"


def percent(part: int, whole: int) -> int:
    """Return a share in whole percent; 100 only when nothing is missing."""
    return math.floor(100 * part / whole) if whole else 0


def register_phrases(app: Flask) -> None:
    """Give the templates these phrases."""
    app.jinja_env.filters.update(
        ago=ago,
        count=count,
        duration=duration,
        effect=lambda effect: EFFECTS[effect],
        domain=lambda code: DOMAINS[code],
        capability=lambda name: in_words(Capability(name)),
        percent=percent,
        time_left=time_left,
        minutes_left=minutes_left,
        time_tag=time_tag,
    )
