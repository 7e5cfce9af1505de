#!/usr/bin/python3 -I
"""OCI runtime for hosts without CAP_SYS_RESOURCE: runc, asked for what the host can give.

Docker asks runc for every capability in a privileged container, and for negative values of
`oom_score_adj`. The kernel refuses both where this capability was taken from the host itself, and
no container starts. This program stands between: it takes them out of what is asked, and becomes
runc. `assay doctor --fix` installs it, and only there.

It is copied to the host as it is, so it needs nothing but Python's own library. The format is that
of the OCI runtime specification (config.json, process), the arguments those of runc(8).
"""

import json
import os
import sys
from typing import Any

RUNC = ("/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc", "/usr/local/bin/runc")
WITHHELD = "CAP_SYS_RESOURCE"


def main(arguments: list[str]) -> None:
    """Edit what is asked for, where something is, and become runc."""
    command = next((word for word in arguments if word in ("create", "run", "exec")), "")
    if command in ("create", "run"):
        bundle = option(arguments, "--bundle", "-b") or "."
        edit(os.path.join(bundle, "config.json"), lambda config: lessen(config.get("process")))
    elif command == "exec" and (process := option(arguments, "--process", "-p")):
        edit(process, lessen)
    runc = next(path for path in (os.environ.get("ASSAY_RUNC"), *RUNC) if path and is_program(path))
    os.execv(runc, [runc, *arguments])


def lessen(process: Any) -> None:
    """Take out of an OCI process what this host cannot give."""
    if not isinstance(process, dict):
        return
    for held in (process.get("capabilities") or {}).values():
        if WITHHELD in (held or ()):
            held.remove(WITHHELD)
    if (process.get("oomScoreAdj") or 0) < 0:
        process["oomScoreAdj"] = 0


def option(arguments: list[str], long: str, short: str) -> str:
    """Return the value of an option, given as two words or as one."""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word in (long, short):
            return following
        if word.startswith(f"{long}="):
            return word.partition("=")[2]
    return ""


def edit(path: str, change: Any) -> None:
    """Change a JSON document in place; runc itself says what is wrong with one that is none."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except (OSError, ValueError):
        return
    change(document)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)


def is_program(path: str) -> bool:
    """Say whether something can be run."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


if __name__ == "__main__":
    main(sys.argv[1:])
