"""What belongs to this installation: its folders, its address, and the marks on its processes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from clusters.home import home

DEFAULT_PORT = 8000
SITE = "/services/web/"
"""Where the site is mounted, and where people land."""
PROCTOR = "/services/proctor"
REPOSITORY = Path(__file__).resolve().parents[1]
PLATFORM_MARK = "ASSAY_INSTALLATION"
"""Environment variable of every process of the platform; its value says of which one."""
NOTEBOOK_MARK = "ASSAY_NOTEBOOK"
"""Environment variable of every notebook server and whatever it starts."""


def address(port: int) -> str:
    """Return where people find the platform."""
    return f"http://127.0.0.1:{port}"


def installation_id() -> str:
    """Return what tells the processes of two installations on one machine apart."""
    return hashlib.sha256(str(home()).encode()).hexdigest()[:12]


def supervisor_mark() -> str:
    """Return the value of `PLATFORM_MARK` for the supervisor, which is stopped before the rest."""
    return f"{installation_id()}/supervisor"


def notebook_mark(learner: str, lab: str) -> str:
    """Return the value of `NOTEBOOK_MARK` for one notebook server."""
    return f"{installation_id()}/{learner}/{lab}"


def hub_folder() -> Path:
    """Return the folder of the hub's database, cookie secret and the supervisor's files."""
    return private_folder("hub")


def log_folder() -> Path:
    """Return the folder of the logs."""
    return private_folder("logs")


def learners_folder() -> Path:
    """Return the folder of the learners' homes."""
    return home() / "learners"


def private_folder(name: str) -> Path:
    """Return a folder of the state folder that nobody else can look into."""
    path = home() / name
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
