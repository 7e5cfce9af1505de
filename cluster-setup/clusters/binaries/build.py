"""Building a binary from the Go modules that are pinned beside the lock.

`go.sum` verifies every module; nothing in the module folders is ever changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from clusters.binaries.lock import Build
from clusters.errors import CommandError, PreflightError

OnProgress = Callable[[str, float], None]
"""Told what is being done and how much of it is done, 0 to 1."""

_SETTINGS = {
    "CGO_ENABLED": "0",
    "GOARCH": "",
    "GOFLAGS": "-mod=readonly -buildvcs=false",
    "GOOS": "",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}
_C_COMPILER = ("gcc", "libc6-dev", "pkg-config")
_USUAL_PLACE = "/usr/local/go/bin/go"
_OUTPUT_KEPT = 20


def go_command() -> str | None:
    """Return the path of the Go command, or None when this host has none."""
    return shutil.which("go") or shutil.which(_USUAL_PLACE)


def go_version(go: str) -> tuple[int, ...]:
    """Return the version of a Go command, for example `(1, 26, 8)`; `()` when it has none."""
    try:
        done = subprocess.run(
            [go, "env", "GOVERSION"],
            env=_environment(),
            cwd="/",
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return _numbers(done.stdout)


def required_go(module: Path) -> tuple[int, ...]:
    """Return the Go version that a module folder asks for in its `go.mod`."""
    found = re.search(r"^go (\S+)$", (module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    return _numbers(found.group(1)) if found else ()


def build_binary(build: Build, sources: Path, to: Path, on_progress: OnProgress) -> None:
    """Build one binary.

    Args:
        build: the module, the package and the linker's flags.
        sources: folder that holds the module folders.
        to: file to write.
        on_progress: told how many packages are done.

    Raises:
        PreflightError: Go is missing or too old.
        CommandError: Go refused; the message holds the end of its output.
    """
    module = sources / build.module
    go = _usable_go(module)
    _refuse_without_libraries(build)
    on_progress("reading the Go modules", 0.0)
    packages = _count_packages(go, module, build, on_progress)
    command = [go, "build", "-v", "-trimpath", _tags(build), f"-ldflags={' '.join(build.ldflags)}"]
    on_progress("compiling and linking", done := 0)
    for line in _run([*command, "-o", str(to), build.package], module, build):
        if not line.startswith("go: "):
            done = min(done + 1, packages)
            on_progress(f"{done} of {packages} packages", done / packages)


def module_folder(module: Path, package: str) -> Path:
    """Return the folder of a package that a module folder pins, fetched and verified by `go.sum`.

    Args:
        module: folder of `go.mod` and `go.sum`.
        package: path of another module, for example `sigs.k8s.io/gateway-api`.

    Raises:
        PreflightError: Go is missing or too old.
        CommandError: Go refused; the message holds the end of its output.
    """
    command = [_usable_go(module), "mod", "download", "-json", package]
    done = subprocess.run(
        command, cwd=module, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        shown = (done.stderr + done.stdout).strip()
        raise CommandError(f"go mod download {package} failed in {module}:\n{shown}")
    return Path(json.loads(done.stdout)["Dir"])


def _tags(build: Build) -> str:
    return f"-tags={','.join(build.tags)}"


def _usable_go(module: Path) -> str:
    needed = required_go(module)
    wanted = ".".join(map(str, needed[:2]))
    go = go_command()
    if go is None:
        raise PreflightError(
            f"Go {wanted} or newer is needed to build it and is not installed: "
            "install Go (https://go.dev/doc/install) and put it on PATH"
        )
    if (version := go_version(go)) < needed:
        found = ".".join(map(str, version)) or "unknown"
        raise PreflightError(
            f"Go {wanted} or newer is needed to build it, and {go} is {found}: "
            "install a newer Go (https://go.dev/doc/install) and put it first on PATH"
        )
    return go


def _count_packages(go: str, module: Path, build: Build, on_progress: OnProgress) -> int:
    with tempfile.TemporaryFile() as listed:
        for line in _run([go, "list", "-deps", _tags(build), build.package], module, build, listed):
            if line.startswith("go: downloading "):
                on_progress(f"fetching {line.removeprefix('go: downloading ')}", 0.0)
        listed.seek(0)
        return max(sum(1 for _ in listed), 1)


def _refuse_without_libraries(build: Build) -> None:
    """Say what a program that is linked with C libraries needs, before the compiler does."""
    if not build.cgo:
        return
    lacking = [program for program in ("gcc", "pkg-config") if shutil.which(program) is None]
    lacking = lacking or [library for library in build.cgo if not _has_library(library)]
    if lacking:
        libraries = [f"{library}-dev" for library in build.cgo]
        raise PreflightError(
            f"{' and '.join(lacking)} to build it cannot be found on this host: "
            f"install it (on Debian: apt-get install {' '.join([*_C_COMPILER, *libraries])})"
        )


def _has_library(name: str) -> bool:
    return subprocess.run(["pkg-config", "--exists", name], check=False).returncode == 0


def _run(
    command: list[str], module: Path, build: Build, stdout: IO[bytes] | None = None
) -> Iterator[str]:
    """Yield what a Go command says on standard error, where it reports progress and problems."""
    tail: deque[str] = deque(maxlen=_OUTPUT_KEPT)
    with subprocess.Popen(
        command,
        cwd=module,
        env=_environment() | {"CGO_ENABLED": "1" if build.cgo else "0"},
        stdin=subprocess.DEVNULL,
        stdout=stdout or subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        process_group=0,  # with its compilers and linkers, which end with it
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                tail.append(line.rstrip())
                yield tail[-1]
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        shown = "\n".join(tail)
        raise CommandError(f"{' '.join(command[:2])} failed in {module}:\n{shown}")


def _environment() -> dict[str, str]:
    return os.environ | _SETTINGS


def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in found.groups() if part) if found else ()
