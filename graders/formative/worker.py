"""Worker: the disposable process around one grading. Started by `graders.formative.grading`.

It starts the two rooms, then gives up its own rights, and only then reads what it is to do: one
JSON document on standard input. It answers with one on standard output. What it knows is one
notebook; gradebook and course folder are made for it and go with it.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from graders.errors import GradingError
from graders.formative.confinement import confine, die_with, require_confinement
from graders.formative.rooms import Rooms

ROLES = ("worker", "learner", "tests")
"""The processes of a grading; each has a folder of this name."""


def main() -> None:
    """Grade once."""
    parent, *accounts = sys.argv[1:]
    die_with(int(parent))
    folder = Path.cwd()
    uids = [int(text) if text != "-" else None for text in accounts]
    places = {role: (folder / role, uid) for role, uid in zip(ROLES, uids, strict=True)}
    with redirect_stdout(sys.stderr):
        answer = _graded(places, int(parent))
    print(json.dumps(answer), flush=True)


def _graded(places: dict[str, tuple[Path, int | None]], parent: int) -> dict[str, Any]:
    try:
        require_confinement()
        with Rooms(places) as rooms:
            from graders.formative import course  # seconds, while the rooms start

            own, uid = places["worker"]
            os.chdir(own)
            confine(own, uid, parent)
            rooms.await_ready()
            order = json.loads(sys.stdin.readline())
            if order["do"] == "validate":
                return course.validate(rooms, order["notebook"])
            return course.autograde(rooms, own, order["key"], order["answers"])
    except GradingError as error:
        return {"broken": str(error)}


if __name__ == "__main__":
    main()
