"""The service as the hub runs it: `python -m web` under gunicorn, and gone with its parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

if TYPE_CHECKING:
    from tests.web.fake_hub import FakeHub

START_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/services/web/health").text.strip() == '{"status":"ok"}'
    except httpx.TransportError:
        return False


def environment_of(settings: dict[str, str], port: int) -> dict[str, str]:
    service = {"JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}"}
    return {**os.environ, **settings, **service}


def test_it_serves_and_ends_with_a_hub_that_is_killed(
    home: Path,
    labs: Path,
    settings: dict[str, str],
    hub: FakeHub,
    wait_until: Callable[[Callable[[], bool]], None],
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    start = "import subprocess, sys; subprocess.Popen([sys.executable, '-m', 'web']).wait()"
    parent = subprocess.Popen(
        [sys.executable, "-c", start],
        env=environment_of(settings, port),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: answers(url))
    family = psutil.Process(parent.pid).children(recursive=True)
    headers = {"Authorization": f"token {hub.token_of('ada')}", "Accept": "application/json"}
    page = httpx.get(f"{url}/services/web/progress?secret=in-the-address", headers=headers)

    os.kill(parent.pid, signal.SIGKILL)

    wait_until(lambda: not any(alive(process) for process in family))
    log = parent.communicate()[1]
    assert page.json()["learner"] == "ada"
    assert len(family) >= 2
    assert not answers(url)
    assert "in-the-address" not in log
    assert settings["JUPYTERHUB_API_TOKEN"] not in log


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"JUPYTERHUB_API_TOKEN": ""}, "JUPYTERHUB_API_TOKEN is not set"),
        ({"ASSAY_CAPABILITIES": "scheduling,magic"}, "ASSAY_CAPABILITIES: 'magic' is none of"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    settings: dict[str, str], changes: dict[str, str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "web"],
        env=environment_of({**settings, **changes}, free_port()),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )

    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
