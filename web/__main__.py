"""Serve the site as a service of the hub: `python -m web` becomes gunicorn."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from clusters.cli.output import end_with
from clusters.errors import AssayError
from web.settings import read_settings


def main() -> None:
    """Check the settings, then become gunicorn; a wrong setting is one sentence."""
    try:
        read_settings(os.environ)
    except AssayError as error:
        end_with(error)
    config = Path(__file__).with_name("gunicorn.conf.py")
    command = [sys.executable, "-m", "gunicorn", "--config", str(config), "web.app:create_app()"]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main()
