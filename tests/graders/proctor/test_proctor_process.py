"""The proctor as a process: what it needs, what it says, and when it ends."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from clusters.errors import InputInvalid
from graders.proctor.secret import spawner_secret
from graders.proctor.settings import read_settings

COMMAND = [sys.executable, "-m", "graders.proctor"]


def environment(home: Path, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "ASSAY_HOME": str(home),
        "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}",
        "JUPYTERHUB_SERVICE_PREFIX": "/services/proctor/",
        "JUPYTERHUB_API_URL": "http://127.0.0.1:9/hub/api",
        "JUPYTERHUB_API_TOKEN": "x",
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_busy_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run(
            COMMAND, env=environment(tmp_path, port), capture_output=True, text=True, check=False
        )

    assert done.returncode == 3
    assert done.stderr == (
        f"assay: the proctor cannot start: port {port} on 127.0.0.1 is in use by another process\n"
    )


def test_the_proctor_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    port = free_port()
    parent = subprocess.Popen(
        ["/bin/sh", "-c", '"$@" & wait', "sh", *COMMAND],
        env=environment(tmp_path, port),
        stderr=subprocess.DEVNULL,
    )
    try:
        proctor = wait_until_it_answers(parent, port)
        parent.send_signal(signal.SIGKILL)
        parent.wait()

        gone, alive = psutil.wait_procs([proctor], timeout=10)
    finally:
        parent.kill()
    for process in alive:
        process.kill()
    assert not alive, "the proctor outlived its parent"
    assert gone


def wait_until_it_answers(parent: subprocess.Popen[bytes], port: int) -> psutil.Process:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            url = f"http://127.0.0.1:{port}/services/proctor/health"
            if httpx.get(url, trust_env=False).status_code == 200:
                return psutil.Process(parent.pid).children()[0]
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError("the proctor did not answer")


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(InputInvalid) as caught:
        read_settings({"ASSAY_QUEUE_SECONDS": "soon"})

    assert [problem.split()[0].strip(":") for problem in caught.value.problems] == [
        "JUPYTERHUB_SERVICE_URL",
        "JUPYTERHUB_API_URL",
        "JUPYTERHUB_API_TOKEN",
        "ASSAY_QUEUE_SECONDS",
    ]


def test_a_token_is_not_in_the_printed_settings(tmp_path: Path) -> None:
    values = environment(tmp_path, 1) | {"JUPYTERHUB_API_TOKEN": "sesame"}

    assert "sesame" not in repr(read_settings(values))


def test_the_spawner_secret_is_made_once_and_private(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as many:
        found = set(many.map(lambda _: spawner_secret(tmp_path / "keys"), range(8)))

    assert len(found) == 1
    assert len(found.pop()) >= 32
    mode = (tmp_path / "keys" / "spawner.token").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
