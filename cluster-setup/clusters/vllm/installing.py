"""Installing: brings vLLM to its place in the cache, in steps that can be interrupted.

What was brought stays when a step fails or is killed, and the next call goes on from there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clusters.errors import CommandError, PreflightError
from clusters.file_lock import locked
from clusters.phases import OnPhase, Phase, ignore, timed
from clusters.vllm.installation import LIST, PROGRAMS, SHOWN_AT, VERSION, Installation, installed
from clusters.vllm.packages import Plan, Portion, plan_for

_PYTHONS = ((3, 11), (3, 15))
_MACHINE = "x86_64"
_SLACK_MEGABYTES = 500
_MEGABYTE = 1_000_000
_PATIENCE = 3600
_PACKAGES_SHARE = 92
"""Percent of the whole that bringing packages takes."""
_COMMANDS = {
    "vllm": f'{SHOWN_AT}/environment/bin/python {SHOWN_AT}/programs/vllm_command.py "$@"',
    "python3": f'{SHOWN_AT}/environment/bin/python "$@"',
}


@dataclass(frozen=True)
class Done:
    """What an installation came to."""

    folder: str
    version: str
    torch: str
    was_there: bool
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def install(plan: Plan, on_phase: OnPhase = ignore) -> Done:
    """Bring vLLM to its place, or find it there.

    Args:
        plan: what to bring.
        on_phase: hears how far it is.

    Raises:
        PreflightError: this host cannot have it.
        CommandError: something could not be brought; the next call goes on.
    """
    began = time.monotonic()
    place = installed()
    place.folder.mkdir(parents=True, exist_ok=True)
    with locked(place.folder.parent / ".lock"):
        there = place.complete
        if not there:
            require_host(plan)
            _make(place, plan, on_phase)
        told = place.describe()
    seconds = round(time.monotonic() - began, 1)
    return Done(str(place.folder), told["version"], told["torch"], there, seconds)


def require_host(plan: Plan) -> None:
    """Refuse a host on which the packages do not run, or do not fit.

    Raises:
        PreflightError: saying what it lacks.
    """
    first, last = _PYTHONS
    if not first <= sys.version_info[:2] < last:
        raise PreflightError(
            f"vLLM {VERSION} runs on Python {_dotted(first)} to {_dotted((last[0], last[1] - 1))}; "
            "install Assay with one of them"
        )
    if os.uname().machine != _MACHINE:
        raise PreflightError(f"vLLM for the CPU is there for {_MACHINE} only")
    folder = installed().folder.parent
    folder.mkdir(parents=True, exist_ok=True)
    needed = plan.disk_megabytes + _SLACK_MEGABYTES
    free = shutil.disk_usage(folder).free // _MEGABYTE
    if free < needed and free + _size(folder) < needed:
        raise PreflightError(
            f"vLLM takes {needed / 1000:.1f} GB, and {folder} has {free / 1000:.1f} GB free; "
            "make room, or choose another folder with ASSAY_CACHE"
        )


def current_plan(torch_wheels: str = "") -> Plan:
    """Return what an installation would bring here.

    Args:
        torch_wheels: folder or address of a page with the build of torch without CUDA.
    """
    return plan_for(LIST, torch_wheels or os.environ.get("ASSAY_TORCH_WHEELS", ""))


def _make(place: Installation, plan: Plan, on_phase: OnPhase) -> None:
    with timed(on_phase, "environment", "Making a Python environment", 1):
        venv.EnvBuilder(symlinks=True, with_pip=False).create(place.environment)
    brought = 0
    for portion in plan.portions:
        brought += portion.megabytes
        percent = 1 + _PACKAGES_SHARE * brought // plan.download_megabytes
        message = f"Installing {portion.name} ({portion.megabytes} MB)"
        with timed(on_phase, "packages", message, percent):
            _bring(place, portion)
    with timed(on_phase, "commands", "Making the commands", 94):
        _write_commands(place)
    with timed(on_phase, "model", "Making a tiny model", 97):
        model = place.models / "tiny"
        _run([str(place.python), str(place.folder / "programs" / "tiny_model.py"), str(model)])
    with timed(on_phase, "version", "Asking vLLM for its version", 99):
        program = str(place.folder / "programs" / "vllm_command.py")
        said = _run([str(place.python), program, "--version"]).strip().splitlines()[-1]
    if said != f"{VERSION[1:]}+cpu":
        raise CommandError(f"vLLM says that it is {said}, and should be {VERSION[1:]}+cpu")
    shutil.rmtree(_downloads(place), ignore_errors=True)
    _complete(place, plan)
    on_phase(Phase("vllm", "vLLM is ready", 100, 0.0))


def _bring(place: Installation, portion: Portion) -> None:
    """Install packages exactly as listed; what they would pull in besides is not needed."""
    installer = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as wanted:
        wanted.write(f"{portion.lines}\n")
        wanted.flush()
        _run(
            [
                installer, "pip", "install", "--quiet", "--no-config", "--no-deps",
                *(["--require-hashes"] if portion.hashed else []),
                "--compile-bytecode", "--python", str(place.python),
                "--cache-dir", str(_downloads(place)), *portion.options,
                "--requirement", wanted.name,
            ]
        )  # fmt: skip


def _write_commands(place: Installation) -> None:
    for folder in (place.folder / "bin", place.models):
        folder.mkdir(mode=0o755, exist_ok=True)
    for name, command in _COMMANDS.items():
        path = place.folder / "bin" / name
        path.write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
        path.chmod(0o755)
    shutil.copytree(
        PROGRAMS,
        place.folder / "programs",
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )


def _complete(place: Installation, plan: Plan) -> None:
    told = {
        "version": VERSION,
        "torch": plan.torch,
        "python": os.path.realpath(sys.base_prefix),
        "installed_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for path in (place.folder, *place.folder.iterdir(), *place.models.rglob("*")):
        # Containers have accounts of their own, and who saves a model keeps it for itself.
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    unfinished = place.folder / ".complete.json"
    unfinished.write_text(json.dumps(told) + "\n", encoding="utf-8")
    unfinished.chmod(0o644)
    unfinished.rename(place.folder / "complete.json")


def _run(command: Sequence[str]) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PATIENCE,
            umask=0o022,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError(f"{command[0]} cannot be run: {error}") from error
    if done.returncode != 0:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise CommandError(
            f"{Path(command[0]).name} failed, and `assay setup vllm` goes on from here:\n{last}"
        )
    return done.stdout


def _downloads(place: Installation) -> Path:
    """Return where the installer keeps what it has brought; the packages are links to it."""
    return place.folder.parent / ".downloads"


def _size(folder: Path) -> int:
    """Return the MB that lie in a folder already; a file with two names counts once."""
    files = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            files[status.st_ino] = status.st_size
    return sum(files.values()) // _MEGABYTE


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
