"""The proctor as a service of the hub: `python -m graders.proctor`."""

from __future__ import annotations

import errno
import gc
import logging
import os
import socket
import sys
from contextlib import suppress

import uvicorn

from clusters.cli.output import end_with
from clusters.errors import AssayError, PreflightError
from clusters.provider import provider_named
from graders.attempts import Attempts
from graders.ledger import open_ledger
from graders.proctor.app import create_app
from graders.proctor.parent import when_parent_dies
from graders.proctor.secret import spawner_secret
from graders.proctor.settings import read_settings
from graders.workers.pool import the_pool

LOG_FORMAT = "%(asctime)s %(name)s %(levelname)s %(message)s"
SPARE_WORKERS = 32
"""Attempts that have a worker waiting for the next check; each holds some 15 MiB of its own."""
GRACE = 3
"""Seconds that requests under way have to end when the proctor is stopped."""


def main() -> None:
    """Serve until the hub stops or dies."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    os.umask(0o077)
    try:
        settings = read_settings(os.environ)
        listener = listen(settings.host, settings.port)
        ledger = open_ledger()
        attempts = Attempts(ledger, provider_named())
        with suppress(OSError):  # the first grading tries again, and says what is wrong
            the_pool().warm(SPARE_WORKERS)
    except AssayError as error:
        end_with(error)
    app = create_app(settings, attempts, ledger, spawner_secret())
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE, lifespan="on"
        )
    )
    when_parent_dies(lambda: os._exit(0))
    gc.collect()
    gc.freeze()  # what is here stays: nobody waits while the collector goes through it
    try:
        server.run(sockets=[listener])
    finally:
        logging.shutdown()
        os._exit(0)  # a check in a thread would keep the process; it has counted nothing


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        PreflightError: the port is in use.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise PreflightError(
            f"the proctor cannot start: port {port} on {host} is in use by another process"
        ) from error
    listener.set_inheritable(False)
    return listener


if __name__ == "__main__":
    main()
