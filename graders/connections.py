"""Connections to an API server: opened once, used again, and made by whoever may make them.

A process without a network cannot connect. It is handed connected sockets instead (`Dial`), and
speaks TLS over them as over any other, so that it proves to be talking to the right server.
"""

from __future__ import annotations

import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from graders.kubeconfig import Dial, Kubeconfig

_KEPT = 2
"""Connections that are kept open; a check makes few requests at once."""


def connections_to(kubeconfig: Kubeconfig) -> urllib3.PoolManager:
    """Return a pool of connections to the API server of a kubeconfig; nothing is opened yet."""
    manager = urllib3.PoolManager(ssl_context=kubeconfig.tls, retries=False, maxsize=_KEPT)
    if kubeconfig.dial is not None:
        manager.pool_classes_by_scheme = {"https": _pool_dialled_by(kubeconfig.dial)}
    return manager


def _pool_dialled_by(dial: Dial) -> type[HTTPSConnectionPool]:
    class Dialled(HTTPSConnection):
        """A connection over a socket that somebody else connected."""

        def _new_conn(self) -> socket.socket:
            try:
                connected = dial()
            except TimeoutError as error:
                raise ConnectTimeoutError(self, str(error)) from error
            except OSError as error:
                raise NewConnectionError(self, str(error)) from error
            timeout: Any = self.timeout
            connected.settimeout(timeout)
            return connected

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Dialled

    return Pool
