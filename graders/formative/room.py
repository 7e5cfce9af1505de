"""Room: a confined process that runs cells. Started by the worker, never by hand.

python -m graders.formative.room learner|tests PARENT FOLDER [UID]
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from graders.formative.confinement import confine, die_with
from graders.formative.learner_room import LearnerRoom
from graders.formative.lines import Lines, LinesBroken
from graders.formative.tests_room import TestsRoom


def main() -> None:
    """Confine this process and serve until the worker has gone."""
    role, parent, folder, *uid = sys.argv[1:]
    die_with(int(parent))
    lines = Lines(os.dup(0), os.dup(1))
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)
    sys.argv[:] = [""]
    confine(Path(folder), int(uid[0]) if uid else None, int(parent))
    lines.send({"ready": True})
    with suppress(LinesBroken):
        (LearnerRoom if role == "learner" else TestsRoom)(lines).serve()


if __name__ == "__main__":
    main()
