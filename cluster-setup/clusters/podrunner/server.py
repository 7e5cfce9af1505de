"""The kubelet's server, for the API server alone: logs and port forwarding of Pods.

`exec` and `attach` are refused. Whoever has no certificate of the API server is refused in the
handshake or with 403: a learner has certificates of the same authority.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import h11

from clusters.podrunner.addresses import API_SERVER, KUBELET_PORT
from clusters.podrunner.logs import LogOptions, read_log
from clusters.podrunner.pod import PodWorker
from clusters.podrunner.port_forward import PROTOCOL, PortForward
from clusters.podrunner.runner import Runner
from clusters.podrunner.spdy import Connection

_CHUNK = 1 << 16
_SECONDS = 30.0
_LOG = logging.getLogger(__name__)


class Answer(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        """Answer with a status."""
        self.status = status
        super().__init__(text)


class KubeletServer:
    """Serves what the API server asks of every node of the cluster."""

    def __init__(self, runner: Runner, pki: Path) -> None:
        """Serve the Pods of a runner, with the certificates of a folder."""
        self._runner = runner
        self._pki = pki

    async def serve(self) -> None:
        """Listen at the port of kubelets, for ever."""
        server = await asyncio.start_server(
            self._talk, "0.0.0.0", KUBELET_PORT, ssl=self._context(), ssl_handshake_timeout=10
        )
        async with server:
            await server.serve_forever()

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._pki / "kubelet.crt", self._pki / "kubelet.key")
        context.load_verify_locations(self._pki / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Talk(self._runner, reader, writer).serve()
        except (ConnectionError, h11.ProtocolError, TimeoutError, ssl.SSLError):
            pass
        except Exception:
            _LOG.exception("a request failed")
        finally:
            writer.close()


class _Talk:
    """One connection."""

    def __init__(
        self, runner: Runner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._runner = runner
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)

    async def serve(self) -> None:
        while True:
            request = await self._next()
            if not isinstance(request, h11.Request):
                return
            try:
                if caller_of(self._writer) != API_SERVER:
                    raise Answer(403, "only the API server may ask")
                if await self._answer(request):
                    return
            except Answer as answer:
                await self._say(answer.status, str(answer))
            if self._http.our_state is not h11.DONE:
                return
            while not isinstance(await self._next(), h11.EndOfMessage | h11.ConnectionClosed):
                pass
            if self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _answer(self, request: h11.Request) -> bool:
        """Answer one request; return True where it has taken over the connection."""
        parts = urlsplit(request.target.decode())
        path = [part for part in parts.path.split("/") if part]
        query = dict(parse_qsl(parts.query))
        if len(path) == 4 and path[0] == "containerLogs":
            await self._show_log(path[1:], query)
            return False
        if len(path) in (3, 4) and path[0] == "portForward":
            await self._forward(self._worker(path[1], path[2]), request)
            return True
        if path and path[0] in ("exec", "attach", "run"):
            raise Answer(403, f"{path[0]} is not available: containers here run no other commands")
        raise Answer(404, "there is nothing here")

    def _worker(self, namespace: str, name: str) -> PodWorker:
        worker = self._runner.worker(namespace, name)
        if worker is None:
            raise Answer(404, f"pod {namespace}/{name} does not run here")
        return worker

    async def _show_log(self, path: list[str], query: Mapping[str, str]) -> None:
        worker = self._worker(path[0], path[1])
        try:
            options = LogOptions.from_query(query)
        except ValueError as error:
            raise Answer(400, str(error)) from error
        previous = query.get("previous") == "true"
        log, running = worker.log_of(path[2], previous=previous)
        if log is None:
            raise Answer(400, f'container "{path[2]}" has no log yet')
        headers = [("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked")]
        await self._send(h11.Response(status_code=200, headers=headers))
        async for piece in read_log(log, options, running):
            await self._send(h11.Data(data=piece))
        await self._send(h11.EndOfMessage())

    async def _forward(self, worker: PodWorker, request: h11.Request) -> None:
        headers = {name.lower(): value for name, value in request.headers}
        offered = [value for name, value in request.headers if name == b"x-stream-protocol-version"]
        if headers.get(b"upgrade", b"").lower() != b"spdy/3.1":
            raise Answer(400, "an upgrade to SPDY/3.1 is expected")
        if offered and PROTOCOL.encode() not in b",".join(offered):
            raise Answer(403, f"the protocol has to be {PROTOCOL}")
        while not _is_over(await self._next()):
            pass
        answer = [
            ("Connection", "Upgrade"),
            ("Upgrade", "SPDY/3.1"),
            ("X-Stream-Protocol-Version", PROTOCOL),
        ]
        await self._send(h11.InformationalResponse(status_code=101, headers=answer))
        early, _ = self._http.trailing_data
        connection = Connection(self._reader, self._writer, early)
        await connection.serve(PortForward(worker.place).accept)

    async def _say(self, status: int, text: str) -> None:
        body = f"{text}\n".encode()
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
        await self._send(h11.Response(status_code=status, headers=headers))
        await self._send(h11.Data(data=body))
        await self._send(h11.EndOfMessage())

    async def _next(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if not isinstance(event, type) or event is h11.PAUSED:
                return event
            self._http.receive_data(await self._reader.read(_CHUNK))

    async def _send(self, event: h11.Event) -> None:
        if (data := self._http.send(event)) is not None:
            self._writer.write(data)
            await self._writer.drain()


def _is_over(event: object) -> bool:
    return isinstance(event, h11.EndOfMessage) or event is h11.PAUSED


def caller_of(writer: asyncio.StreamWriter) -> str:
    """Return the common name in the certificate that the other side has shown."""
    certificate = writer.get_extra_info("peercert") or {}
    names = (pair for entry in certificate.get("subject", ()) for pair in entry)
    return next((value for key, value in names if key == "commonName"), "")
