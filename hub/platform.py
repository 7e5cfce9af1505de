"""The platform as a whole: prepared, started, stopped and looked at."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clusters.binaries import ensure_binaries
from clusters.errors import NotReadyError, PreflightError
from clusters.phases import OnPhase, ignore, timed
from clusters.provider import every_provider, provider_named
from graders.proctor.secret import spawner_secret
from hub import health
from hub.accounts import Accounts, NewPassword
from hub.installation import (
    NOTEBOOK_MARK,
    PLATFORM_MARK,
    address,
    installation_id,
    log_folder,
    supervisor_mark,
)
from hub.lab_clusters import ClusterFate, lab_clusters, settle_clusters
from hub.ports import holder_of, is_free
from hub.processes import end, end_marked, mark_of, marked
from hub.proxy import proxy_command
from hub.record import remove_record, running_supervisor

START_PATIENCE = 120.0
"""Seconds the hub, the proctor and the site have to answer."""
STOP_PATIENCE = 40.0
"""Seconds the supervisor has to stop everything it started."""
_BINARIES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kwok",
)
_LOOK_EVERY = 0.5
_PATHS = ("ASSAY_HOME", "ASSAY_CACHE", "ASSAY_LABS", "ASSAY_HUB_CONFIG")


@dataclass(frozen=True)
class Started:
    """A platform that answers."""

    url: str
    pid: int
    """Of the supervisor."""
    accounts: tuple[NewPassword, ...] = ()
    """Those made now; their passwords are shown once."""
    already: bool = False
    """Whether it was running before."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, with the new passwords."""
        accounts = [account.to_json() for account in self.accounts]
        return {"url": self.url, "pid": self.pid, "already": self.already, "accounts": accounts}


@dataclass(frozen=True)
class Status:
    """What answers and what runs."""

    running: bool
    """Whether hub, proctor and site answer."""
    url: str
    pid: int | None
    """Of the supervisor."""
    hub: bool
    proctor: bool
    site: bool
    notebooks: int
    """Notebook servers, whether or not the hub runs."""
    clusters: int
    """Clusters of labs, whatever their state."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def prepare(port: int, on_phase: OnPhase = ignore) -> None:
    """Check and make everything that the platform needs to start.

    Raises:
        PreflightError: this host lacks something, or the port is taken.
    """
    with timed(on_phase, "preflight", "Looking at this host", 5):
        proxy_command()
        _require_free(port)
    ensure_binaries(_BINARIES, on_phase)
    if problems := provider_named().preflight():
        raise PreflightError("; ".join(problems))
    spawner_secret()


def start(port: int, on_phase: OnPhase = ignore) -> Started:
    """Start the platform in the background and return when hub, proctor and site answer.

    Raises:
        PreflightError: this host lacks something, or the port is taken.
        NotReadyError: something did not answer in time; nothing is left running.
    """
    if record := running_supervisor():
        return Started(record.url, record.pid, already=True)
    prepare(port, on_phase)
    log = log_folder() / "hub.log"
    child = _launch(port, log)
    try:
        _wait_until_all_answer(child, address(port), log, on_phase)
    except BaseException:
        other = running_supervisor()
        if other is not None and other.pid != child.pid:  # somebody else was faster
            return Started(other.url, other.pid, already=True)
        stop()
        raise
    # last, so that passwords that nobody has seen are never made
    return Started(address(port), child.pid, tuple(Accounts().add_first()))


def stop(clusters: ClusterFate = ClusterFate.STOP, on_phase: OnPhase = ignore) -> bool:
    """Stop the platform, also one that is half stopped or whose supervisor was killed.

    Returns:
        Whether anything was running.
    """
    installation = installation_id()
    with timed(on_phase, "platform", "Stopping hub, proctor and site", 40):
        supervisors = marked(PLATFORM_MARK, supervisor_mark())
        if record := running_supervisor():  # one in the foreground has no mark
            supervisors.append(record.process())
        end(supervisors, patience=STOP_PATIENCE)
        found = end_marked(PLATFORM_MARK, installation) or bool(supervisors)
        remove_record()
    with timed(on_phase, "notebooks", "Stopping notebook servers", 60):
        found |= end_marked(NOTEBOOK_MARK, installation)
    if clusters is ClusterFate.KEEP:
        return found
    what = "Stopping" if clusters is ClusterFate.STOP else "Deleting"
    with timed(on_phase, "clusters", f"{what} the clusters of labs", 100):
        settled = sum(settle_clusters(provider, clusters) for provider in every_provider())
    return found or settled > 0


def status() -> Status:
    """Look at the platform."""
    record = running_supervisor()
    url = record.url if record else ""
    hub, proctor, site = (
        bool(url) and answers(url)
        for answers in (health.hub_answers, health.proctor_answers, health.site_answers)
    )
    notebooks = {mark_of(p, NOTEBOOK_MARK) for p in marked(NOTEBOOK_MARK, installation_id())}
    return Status(
        running=hub and proctor and site,
        url=url,
        pid=record.pid if record else None,
        hub=hub,
        proctor=proctor,
        site=site,
        notebooks=len(notebooks),
        clusters=sum(len(lab_clusters(provider)) for provider in every_provider()),
    )


def absolute_paths(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that are paths, made absolute: the platform works in other folders."""
    return {name: os.path.abspath(environment[name]) for name in _PATHS if environment.get(name)}


def _launch(port: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "hub.supervisor", str(port)],
            env={**os.environ, **absolute_paths(os.environ), PLATFORM_MARK: supervisor_mark()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            start_new_session=True,
        )


def _wait_until_all_answer(
    child: subprocess.Popen[bytes], url: str, log: Path, on_phase: OnPhase
) -> None:
    began_at = log.stat().st_size
    deadline = time.monotonic() + START_PATIENCE
    parts: tuple[tuple[str, Callable[[str], bool]], ...] = (
        ("hub", health.hub_answers),
        ("proctor", health.proctor_answers),
        ("site", health.site_answers),
    )
    for number, (name, answers) in enumerate(parts):
        with timed(on_phase, name, f"Starting the {name}", 40 + 30 * number):
            while not answers(url):
                if child.poll() is not None:
                    raise NotReadyError(
                        f"the platform ended at once: {_last_words(log, began_at)} (see {log})"
                    )
                if time.monotonic() > deadline:
                    raise NotReadyError(
                        f"the {name} did not answer within {START_PATIENCE:.0f} s; see {log}"
                    )
                time.sleep(_LOOK_EVERY)


def _last_words(log: Path, began_at: int) -> str:
    """Return the line of a log that says most: our own sentence, an error, or just the last."""
    written = log.read_bytes()[began_at:].decode("utf-8", "replace").splitlines()
    lines = [line.strip() for line in written if line.strip() and "its log says why" not in line]
    for telling in (r"^assay: ", r"^\w*(Error|Exception|Invalid)\b.*: ", r"^\[[CE] ", r""):
        if found := [line for line in lines if re.search(telling, line)]:
            return found[-1].removeprefix("assay: ")
    return "it said nothing"


def _require_free(port: int) -> None:
    if is_free(port):
        return
    holder = holder_of(port)
    by = f" by {holder}" if holder else ""
    raise PreflightError(
        f"port {port} on 127.0.0.1 is in use{by}; stop it, or choose another: assay up --port N"
    )
