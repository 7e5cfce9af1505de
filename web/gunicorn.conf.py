# ruff: noqa: N999
"""How gunicorn serves the site as a service of the hub: `python -m web`.

One process with threads: pages are short, and every worker would ask the hub for itself.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import psutil

_service = urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", "http://127.0.0.1:8000"))
_HUB = os.getppid()
_LOOK_EVERY = 0.5
"""Seconds."""

bind = f"127.0.0.1:{_service.port}"
worker_class = "gthread"
workers = 1
threads = 8
timeout = 90
graceful_timeout = 5
keepalive = 15
# Addresses hold the codes of sign-ins and the names of learners: no access log.
accesslog = None
control_socket_disable = True


def post_fork(server: Any, worker: Any) -> None:
    """End the service when the hub has ended, even if it was killed.

    A service that stayed would keep its port and an old token, and no sign-in would work again.
    """
    master = worker.ppid

    def watch() -> None:
        while _parent_of(master) == _HUB:
            time.sleep(_LOOK_EVERY)
        os.kill(master, signal.SIGTERM)

    threading.Thread(target=watch, name="hub", daemon=True).start()


def _parent_of(process: int) -> int | None:
    try:
        return psutil.Process(process).ppid()
    except psutil.NoSuchProcess:
        return None
