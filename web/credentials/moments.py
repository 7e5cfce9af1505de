"""Moments as credentials write them: RFC 3339, UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(moment: datetime) -> str:
    """Return a moment as text, for example `2027-03-01T09:30:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_moment(text: object) -> datetime:
    """Return the moment that a text names; without a zone it is UTC.

    Raises:
        ValueError: it names none.
    """
    if not isinstance(text, str):
        raise ValueError("not a moment")
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError("not a moment") from error


def parse_moment_or_none(text: object) -> datetime | None:
    """Return the moment that a text names, None when it names none."""
    try:
        return parse_moment(text)
    except ValueError:
        return None
