"""Port forwarding: the kubelet's side of `kubectl port-forward` (protocol portforward.k8s.io).

For every connection the other side opens two streams with the same `requestID`: one for data, one
for an error. A connection starts inside the Pod's own network, at its loopback.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from clusters.podrunner.links import dial
from clusters.podrunner.spdy import Stream
from clusters.podrunner.starting import Starting

PROTOCOL = "portforward.k8s.io"
_LOOPBACK = "127.0.0.1"
_SECONDS = 10.0
_CHUNK = 1 << 15


class PortForward:
    """The connections of one `kubectl port-forward`."""

    def __init__(self, pod: Starting) -> None:
        """Forward to a Pod."""
        self._pod = pod
        self._waiting: dict[str, asyncio.Future[Stream]] = {}

    async def accept(self, stream: Stream) -> None:
        """Serve one stream; the two of a connection may come in any order."""
        number = stream.headers.get("requestid", "")
        loop = asyncio.get_running_loop()
        error = self._waiting.setdefault(number, loop.create_future())
        if stream.headers.get("streamtype") == "error":
            if not error.done():
                error.set_result(stream)
            await stream.read()  # it stays open until the other side is done with it
        elif stream.headers.get("streamtype") == "data":
            try:
                await self._forward(stream, await asyncio.wait_for(error, _SECONDS))
            finally:
                self._waiting.pop(number, None)

    async def _forward(self, data: Stream, error: Stream) -> None:
        port = data.headers.get("port", "")
        try:
            connection = await asyncio.to_thread(self._connect, int(port))
        except (OSError, ValueError) as refused:
            said = f"cannot connect to port {port} of the Pod: {refused}"
            await error.write(said.encode())
            await error.end()
            await data.reset()
            return
        reader, writer = await asyncio.open_connection(sock=connection)
        outward = asyncio.ensure_future(_send(data, writer))
        try:
            while chunk := await reader.read(_CHUNK):
                await data.write(chunk)
            await data.end()
            await error.end()
        except ConnectionError:
            pass
        finally:
            outward.cancel()
            with suppress(asyncio.CancelledError):
                await outward
            writer.close()

    def _connect(self, port: int) -> socket.socket:
        network = self._pod.open_network()
        try:
            connection = dial(network, (_LOOPBACK, port), _SECONDS)
        finally:
            os.close(network)
        connection.setblocking(False)
        return connection


async def _send(data: Stream, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await data.read():
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
