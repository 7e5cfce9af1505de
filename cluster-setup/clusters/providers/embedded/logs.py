"""What the log of a component says about its end."""

from __future__ import annotations

import json
import re
from pathlib import Path

_READ = 64 * 1024
_LONGEST = 300
_KLOG = re.compile(r"^[IWEF]\d{4} [\d:.]+ +\d+ [\w.-]+:\d+\] ")
_PANIC = ("panic:", "fatal error:", "SIG", "runtime:")


def last_words(log: Path) -> str:
    """Return the line of a log that best says why its process ended, or "" when there is none.

    That is the last fatal line, else the last error, else the last line.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _READ))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return telling_line([line.strip() for line in text.splitlines() if line.strip()])


def telling_line(lines: list[str]) -> str:
    """Choose the line that says most, and take from it what only a log needs."""
    for wanted in (_is_fatal, _is_panic, _is_error, bool):
        for line in reversed(lines):
            if wanted(line):
                return _message(line)[:_LONGEST]
    return ""


def _is_fatal(line: str) -> bool:
    return line.startswith("F") if _KLOG.match(line) else _level(line) in ("fatal", "panic")


def _is_panic(line: str) -> bool:
    return line.startswith(_PANIC)


def _is_error(line: str) -> bool:
    return line.startswith("E") if _KLOG.match(line) else _level(line) == "error"


def _message(line: str) -> str:
    fields = _json(line)
    if fields:
        parts = (fields.get("msg"), fields.get("error"), fields.get("err"))
        return ": ".join(str(part) for part in parts if part)
    return _KLOG.sub("", line)


def _level(line: str) -> str:
    return str(_json(line).get("level", "")).lower()


def _json(line: str) -> dict[str, object]:
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
