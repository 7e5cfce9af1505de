"""LabSpawner: a notebook server beside the cluster of a lab.

The spawner makes no cluster and deletes none. It asks the proctor for the attempt, shows the phases
on the spawn page, and starts a notebook server in the learner's workspace. Whatever ends the
spawn on the way, a failure, a timeout or a killed hub, nothing of a cluster depends on it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

from jupyterhub.slugs import safe_slug
from jupyterhub.spawner import SimpleLocalProcessSpawner, SpawnException
from sqlalchemy.orm import object_session
from traitlets import Bool, Integer, Unicode

from clusters.errors import AssayError
from clusters.home import home
from graders.catalogue import find_lab
from graders.proctor.secret import spawner_secret
from graders.proctor.timings import Timings
from hub.installation import (
    NOTEBOOK_MARK,
    PROCTOR,
    SITE,
    learners_folder,
    log_folder,
    notebook_mark,
)
from hub.isolation import FIRST_UID, kept_environment
from hub.lab_start import LabNotStarted, ProctorAddress, StartedLab, pause_lab, start_lab
from hub.processes import created, end_marked, same_process
from hub.spawn_progress import SpawnProgress

_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
_PREPARE_TIMEOUT = 30
"""Seconds to write a few files."""


class LabSpawner(SimpleLocalProcessSpawner):
    """Starts labs: the name of the server is the slug of the lab."""

    proctor_url = Unicode(
        help="Where the proctor answers, with its prefix, without a slash at the end."
    ).tag(config=True)
    local_address = Unicode(
        help="Where notebooks reach the platform, for example http://127.0.0.1:8000."
    ).tag(config=True)
    public_address = Unicode(help="Where people reach the platform, for links.").tag(config=True)
    lab_timeout = Integer(
        240, help="Seconds a lab may take to start; must be below start_timeout."
    ).tag(config=True)
    isolated = Bool(
        False, help="Run each learner's notebooks under a uid of their own; needs root."
    ).tag(config=True)
    first_uid = Integer(
        FIRST_UID, help="uid of a learner when isolated: this plus their number at the hub."
    ).tag(config=True)
    tools = Unicode(help="Folder with kubectl, put on the learner's PATH.").tag(config=True)
    idle_seconds = Integer(
        7200, help="Seconds without use after which a notebook server ends itself; the lab stays."
    ).tag(config=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._progress = SpawnProgress(Timings(home() / "timings" / "notebook.json"))
        self.progress_ready_hook = self._opened
        self.post_stop_hook = self._closed
        self.apply_user_options = _leave_for_start
        self._attempt = ""
        self._pid_created = 0.0
        self.home_dir: str = str(
            learners_folder() / safe_slug(self.user.name) / (self.name or "none")
        )

    @property
    def lab_title(self) -> str:
        """What people call the lab; its name where there is no such lab."""
        try:
            return find_lab(self.name).title
        except AssayError:
            return str(self.name)

    # What JupyterHub calls

    async def start(self) -> tuple[str, int]:
        """Start or continue the lab, then its notebook server."""
        self._progress.begin()
        lab = self._lab()
        try:
            async with asyncio.timeout(self.lab_timeout):
                started = await self._start_lab(lab)
        except LabNotStarted as error:
            self._refuse(str(error), "lab-not-started")
        except TimeoutError:
            self._refuse(
                f"The lab was not ready within {self.lab_timeout} seconds. Nothing was lost: "
                "start it again, and it goes on where it is.",
                "lab-timeout",
            )
        self._attempt = started.attempt
        self._progress.opening()
        await asyncio.to_thread(self._end_leftovers)
        await asyncio.to_thread(self._prepare, started)
        where: tuple[str, int] = await super().start()
        self._remember()
        return where

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the phases of the spawn."""
        async for event in self._progress.follow():
            yield event

    async def stop(self, now: bool = False) -> None:
        """Stop the notebook server with everything it started; the cluster stays."""
        await super().stop(now)
        await asyncio.to_thread(self._end_leftovers)

    def get_state(self) -> dict[str, Any]:
        """Return what finds the notebook server again after a restart of the hub."""
        state: dict[str, Any] = super().get_state()
        if self.pid:
            state["pid_created"] = self._pid_created
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Find the notebook server again, unless its pid belongs to another process by now."""
        super().load_state(state)
        self._pid_created = state.get("pid_created", 0.0)
        pid = state.get("pid", 0)
        self.pid = pid if same_process(pid, self._pid_created) else 0

    def get_env(self) -> dict[str, str]:
        """Return the environment of the notebook server: nothing of the hub's own."""
        environment: dict[str, str] = super().get_env()
        folder = Path(self.home_dir)
        tools = [str(Path(sys.executable).parent), self.tools, *_SYSTEM_PATH]
        environment.update(
            PATH=os.pathsep.join(place for place in tools if place),
            KUBECONFIG=str(folder / ".kube/config"),
            IPYTHONDIR=str(folder / ".ipython"),
            ASSAY_PROCTOR_URL=f"{self.local_address}{PROCTOR}",
            ASSAY_SITE_URL=f"{self.public_address}{SITE}",
            ASSAY_ATTEMPT=self._attempt,
            ASSAY_LAB=self.name,
        )
        environment[NOTEBOOK_MARK] = self._mark
        environment.setdefault("LANG", "C.UTF-8")
        return environment

    def get_args(self) -> list[str]:
        """Return the arguments of the notebook server."""
        arguments: list[str] = super().get_args()
        if os.geteuid() == 0 and not self.isolated:
            arguments.append("--allow-root")
        return [
            *arguments,
            f"--ServerApp.shutdown_no_activity_timeout={self.idle_seconds}",
            f"--MappingKernelManager.cull_idle_timeout={self.idle_seconds}",
            "--MappingKernelManager.cull_interval=300",
            f"--TerminalManager.cull_inactive_timeout={self.idle_seconds}",
            "--TerminalManager.cull_interval=300",
        ]

    def make_preexec_fn(self, name: str) -> None:
        """Run nothing between fork and exec; account and folder are arguments of Popen."""

    # How it is done

    @property
    def _mark(self) -> str:
        return notebook_mark(self.user.name, self.name)

    def _lab(self) -> str:
        """Return the lab that the name of the server says; an option may only repeat it."""
        asked = self.user_options.get("lab")
        option = asked[0] if isinstance(asked, list) and asked else asked
        if not self.name:
            self._refuse(
                "Choose a lab in the catalogue; every lab has a notebook of its own.", "no-lab"
            )
        if option and option != self.name:
            self._refuse(f"The server {self.name!r} is for the lab of that name.", "wrong-lab")
        return str(self.name)

    async def _start_lab(self, lab: str) -> StartedLab:
        order = {
            "learner": self.user.name,
            "lab": lab,
            "assurance": "isolated" if self.isolated else "practice",
        }
        proctor = ProctorAddress(self.proctor_url, spawner_secret())
        return await start_lab(proctor, order, self._progress.lab_line)

    def _opened(self, spawner: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Take note that the spawn page is about to lead to the notebook."""
        self._progress.opened()
        return event

    async def _closed(self, spawner: Any) -> None:
        """Let the cluster rest while its notebook is closed; opening the lab wakes it again."""
        if not self.name:  # without a lab nothing was started
            return
        proctor = ProctorAddress(self.proctor_url, spawner_secret())
        await pause_lab(proctor, {"learner": self.user.name, "lab": self.name})

    def _account(self) -> dict[str, Any]:
        """Return the arguments of Popen that make a process the learner's."""
        if not self.isolated:
            return {}
        uid = self.first_uid + self.user.id
        return {"user": uid, "group": uid, "extra_groups": []}

    def _prepare(self, started: StartedLab) -> None:
        folder = Path(self.home_dir)
        account = self._account()
        _make_folder(folder, account.get("user"))
        order = {
            "attempt": started.attempt,
            "notebook": started.notebook,
            "kubeconfig": started.kubeconfig,
        }
        done = subprocess.run(
            # -I: nothing in the learner's folder may be loaded as a module
            [sys.executable, "-I", "-m", "hub.workspace"],
            env=kept_environment(),
            input=json.dumps(order),
            text=True,
            capture_output=True,
            cwd=folder,
            umask=0o077,
            timeout=_PREPARE_TIMEOUT,
            check=False,
            **account,
        )
        if done.returncode:
            self.log.error("workspace of %s: %s", self._log_name, done.stderr)
            self._refuse("Your notebook's folder could not be written; is the disk full?", "folder")
        log = log_folder() / f"notebook-{folder.parent.name}-{folder.name}.log"
        self.popen_kwargs = {
            **account,
            "cwd": folder,
            "umask": 0o077,
            "stdin": subprocess.DEVNULL,
            "stdout": log.open("ab"),
            "stderr": subprocess.STDOUT,
        }

    def _remember(self) -> None:
        """Store the process before anything else can fail."""
        self.popen_kwargs.pop("stdout").close()
        self._pid_created = created(self.pid)
        self.orm_spawner.state = self.get_state()
        if session := object_session(self.orm_spawner):
            session.commit()

    def _end_leftovers(self) -> None:
        """End what a notebook server left, or one that a killed hub forgot."""
        end_marked(NOTEBOOK_MARK, self._mark, patience=5)

    def _refuse(self, sentence: str, reason: str) -> NoReturn:
        """Raise what the spawn page shows: the sentence and nothing else."""
        error = SpawnException(sentence, reason=reason, status_code=503)
        error.jupyterhub_message = sentence
        raise error


def _leave_for_start(spawner: LabSpawner, options: object) -> None:
    """Say that options are known: `start` reads the only one, and refuses it with a sentence."""


def _make_folder(folder: Path, uid: int | None) -> None:
    """Make a workspace; its parents belong to the platform, so that nobody can replace it."""
    mode = 0o700 if uid is None else 0o711
    for parent in (folder.parent.parent, folder.parent):
        parent.mkdir(parents=True, exist_ok=True, mode=mode)
        parent.chmod(mode)
    folder.mkdir(exist_ok=True, mode=0o700)
    if uid is not None and folder.stat().st_uid != uid:
        for place, folders, files in os.walk(folder, followlinks=False):
            for name in ("", *folders, *files):
                os.chown(Path(place) / name, uid, uid, follow_symlinks=False)
