"""A notebook kernel, spoken to as JupyterLab speaks to it (Jupyter messaging protocol 5.3)."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any, Self

import httpx
from websocket import WebSocket, create_connection

from hub.tour.session import StoryBroken

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class NotebookKernel:
    """A running kernel of a learner's notebook server; a context manager."""

    def __init__(self, server_url: str, token: str, cell_seconds: float = 180) -> None:
        self._url = server_url.rstrip("/")
        self._headers = {"Authorization": f"token {token}"}
        self._cell_seconds = cell_seconds
        self._id = ""
        self._socket: WebSocket | None = None

    def __enter__(self) -> Self:
        """Start the kernel and connect to its channels."""
        reply = httpx.post(f"{self._url}/api/kernels", headers=self._headers, timeout=60)
        reply.raise_for_status()
        self._id = reply.json()["id"]
        self._socket = create_connection(
            f"{self._url.replace('http', 'ws', 1)}/api/kernels/{self._id}/channels",
            header=[f"{name}: {value}" for name, value in self._headers.items()],
            timeout=self._cell_seconds,
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Close the channels and end the kernel."""
        if self._socket is not None:
            self._socket.close()
        httpx.delete(f"{self._url}/api/kernels/{self._id}", headers=self._headers, timeout=60)

    def run(self, code: str) -> str:
        """Run a cell and return what it printed and showed as plain text.

        Raises:
            StoryBroken: the cell raised, or did not end in time.
        """
        assert self._socket is not None, "use NotebookKernel as a context manager"
        message_id = uuid.uuid4().hex
        self._socket.send(json.dumps(_execute_request(message_id, code)))
        text: list[str] = []
        while True:
            message = json.loads(self._socket.recv())
            if message.get("parent_header", {}).get("msg_id") != message_id:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            text.append(_plain_text(kind, content))
            if kind == "error":
                raise StoryBroken(f"a cell raised {content['ename']}: {content['evalue']}")
            if kind == "status" and content["execution_state"] == "idle":
                return _ANSI.sub("", "".join(text))


def _execute_request(message_id: str, code: str) -> dict[str, Any]:
    return {
        "header": {
            "msg_id": message_id,
            "username": "",
            "session": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False, "store_history": False, "allow_stdin": False},
        "channel": "shell",
    }


def _plain_text(kind: str, content: dict[str, Any]) -> str:
    if kind == "stream":
        return str(content["text"])
    if kind in ("display_data", "update_display_data", "execute_result"):
        return str(content["data"].get("text/plain", "")) + "\n"
    return ""
