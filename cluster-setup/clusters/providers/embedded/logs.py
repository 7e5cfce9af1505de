"""What the logs of a cluster's components say."""

from __future__ import annotations

from pathlib import Path

_LINES = 3
_LONGEST = 300
_READ = 8192


def last_words(log: Path) -> str:
    """Return the end of a log in one line: why its process ended, as far as it said so."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _READ))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(line[-_LONGEST:] for line in lines[-_LINES:])
