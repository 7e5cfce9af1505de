"""Docker on this host, as far as images need it: what it has, and giving it one of ours."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from typing import IO

from clusters.errors import CommandError, PreflightError
from clusters.images.archive import manifest_of, write_archive
from clusters.images.store import Image, ImageStore

OnShare = Callable[[str, float], None]
"""Told what is being done and how much of it is done, 0 to 1."""

_SECONDS = 30
"""Time in which a daemon that works answers a question."""


def docker_lacks() -> str:
    """Return why Docker cannot be used on this host, or nothing when it can."""
    if shutil.which("docker") is None:
        return "Docker is not installed"
    try:
        done = _ask("version", "--format", "{{.Server.Version}}")
    except subprocess.TimeoutExpired:
        return f"Docker's daemon did not answer within {_SECONDS} s"
    return "" if done.returncode == 0 else "Docker's daemon does not run, or may not be used"


def docker_has(image: Image) -> bool:
    """Say whether Docker has this very image under its reference."""
    # A daemon that keeps its images in containerd names them after the manifest.
    manifest = hashlib.sha256(manifest_of(image)).hexdigest()
    return id_in_docker(image.reference) in (image.digest, f"sha256:{manifest}")


def id_in_docker(reference: str) -> str:
    """Return the id of the image that Docker has under a reference; empty when it has none."""
    return _ask("image", "inspect", "--format", "{{.Id}}", reference).stdout.strip()


def load_into_docker(store: ImageStore, image: Image, on: OnShare = lambda *_: None) -> bool:
    """Give Docker an image that it does not have.

    Args:
        store: where the image is.
        image: from that store.
        on: told about the progress.

    Returns:
        Whether it had to be loaded.

    Raises:
        PreflightError: there is no Docker on this host.
        CommandError: Docker refused it.
    """
    if reason := docker_lacks():
        raise PreflightError(f"{reason}: start it, or leave it out with --no-load")
    if docker_has(image):
        return False
    with subprocess.Popen(
        ["docker", "load", "--quiet"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            write_archive(store, [image], _Counted(process.stdin, image.size, on))
            process.stdin.close()
        except BrokenPipeError:
            pass  # Docker gave up and says why.
        complaint = process.stderr.read().decode(errors="replace").strip()
    if process.returncode != 0:
        raise CommandError(f"docker load refused {image.reference}:\n{complaint}")
    return True


class _Counted:
    """Passes bytes on and tells how many there were."""

    def __init__(self, file: IO[bytes], size: int, on: OnShare) -> None:
        self._file, self._size, self._on, self._written = file, max(size, 1), on, 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._written += len(data)
        self._on(f"{self._written >> 20} of {self._size >> 20} MiB", self._written / self._size)
        return len(data)


def _ask(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
