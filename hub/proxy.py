"""The hub's proxy: where configurable-http-proxy and the Node.js that runs it are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from clusters.errors import PreflightError
from hub.installation import REPOSITORY

NODE_AT_LEAST = 20
_PROXY = "configurable-http-proxy"


def node() -> Path:
    """Return the Node.js on PATH.

    Raises:
        PreflightError: there is none, or it is too old.
    """
    found = shutil.which("node")
    if found is None:
        raise PreflightError(
            f"Node.js {NODE_AT_LEAST} or newer is needed and `node` is not on PATH"
        )
    done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    version = done.stdout.strip()
    number = re.match(r"v(\d+)\.", version)
    if number is None or int(number[1]) < NODE_AT_LEAST:
        raise PreflightError(
            f"Node.js {NODE_AT_LEAST} or newer is needed; {found} is {version or 'broken'}"
        )
    return Path(found)


def proxy_command() -> list[str]:
    """Return the command of the proxy: the one of this repository, else one on PATH.

    Raises:
        PreflightError: it is not installed.
    """
    ours = REPOSITORY / "node_modules" / _PROXY / "bin" / _PROXY
    if ours.exists():
        return [str(node()), str(ours)]
    if found := shutil.which(_PROXY):
        return [found]
    raise PreflightError(
        f"{_PROXY} is not installed: run `npm ci` in the repository, or `make setup`"
    )
