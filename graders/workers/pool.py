"""Pool: the warm processes that one runner process forks its workers from.

There is one pool in a process, started when it is first needed and ended with the process, however
that ends. A lab's checks are loaded once for each state of their files; a zygote that died is
replaced when it is next needed.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from graders.messages import Order
from graders.workers.channel import Channel
from graders.workers.confinement import UIDS
from graders.workers.environment import environment_in
from graders.workers.family import Family, WorkerFailed, ZygoteGone
from graders.workers.host import Host
from graders.workers.loaded_lab import Key, LoadedLab, key_of, load_lab
from graders.workers.process import WorkerProcess
from graders.workers.spares import Place, Spares

log = logging.getLogger(__name__)

LABS = 16
"""Labs that are kept loaded; the one that was not used for longest goes first."""
IDLE_SECONDS = 900.0
"""A lab that nobody was graded at for so long is not kept."""
FORKS = 1000
"""After so many workers a lab is loaded anew."""
_TRIES = 3
_END_SECONDS = 5.0


class Pool:
    """Starts workers. Safe from several threads; useless in a copy of the process."""

    def __init__(self) -> None:
        self._turn = threading.RLock()
        self._loading: dict[Key, threading.Lock] = {}
        self._labs: dict[Key, LoadedLab] = {}
        self._zygote: Family | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = ""
        self._numbers = itertools.count(secrets.randbelow(UIDS))
        self._spares = Spares(self._make_spare)
        self._farewell = ThreadPoolExecutor(1, "farewell")

    def warm(self, spares: int = 0) -> None:
        """Start what workers come from, so that the first grading is nearly as fast as others.

        Args:
            spares: how many attempts that were graded lately have a worker waiting, which is
                connected to their cluster.

        Raises:
            OSError: this host cannot start one more process.
        """
        self._the_zygote()
        self._spares.keep(spares)

    @contextmanager
    def worker(self, order: Order, audit_log: Path | None) -> Iterator[WorkerProcess]:
        """Run a worker for an order, and kill what is left of it in the end.

        One that was dismissed is cleared up after by another thread.

        Args:
            order: what it is to do.
            audit_log: the log that it may read.

        Raises:
            GradingError: it could not be started.
            OSError: this host cannot start one more process.
        """
        lab, worker = self._get(order, audit_log)
        try:
            worker.begin(order)
            yield worker
        finally:
            if not worker.dismissed or not self._say_farewell(worker):
                worker.close()
            if lab is not None:
                self._give_back(lab)
                self._spares.want(Place(lab.key, order.access, audit_log))

    def close(self) -> None:
        """End every process of the pool; whoever needs a worker afterwards starts it anew."""
        self._spares.close()
        self._farewell.shutdown()
        with self._turn:
            self._farewell = ThreadPoolExecutor(1, "farewell")
            labs, self._labs = list(self._labs.values()), {}
            zygote, self._zygote = self._zygote, None
        for lab in labs:
            lab.close()
        if zygote is not None:
            zygote.close()
        if self._process is not None:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            _remove(self._folder)

    def _say_farewell(self, worker: WorkerProcess) -> bool:
        """Have another thread clear up after a worker; False where the pool is being closed."""
        try:
            self._farewell.submit(_clear_up_after, worker)
        except RuntimeError:
            return False
        return True

    def _get(self, order: Order, audit_log: Path | None) -> tuple[LoadedLab | None, WorkerProcess]:
        """Return a worker and the lab that it was forked from, to be given back."""
        for _ in range(_TRIES):
            lab = self._take(order.checks) if order.purpose == "checks" else None
            try:
                return lab, self._start(order, audit_log, lab)
            except ZygoteGone:
                if lab is not None:
                    self._give_back(lab)
            except BaseException:
                if lab is not None:
                    self._give_back(lab)
                raise
        raise WorkerFailed("The process that forks graders ends again and again")

    def _start(self, order: Order, audit_log: Path | None, lab: LoadedLab | None) -> WorkerProcess:
        access = order.access
        if lab is None:
            zygote = self._the_zygote()
            details = {"checks": str(order.checks), "number": next(self._numbers)}
            return WorkerProcess(zygote, details, access, Host(access.server, audit_log))
        spare = self._spares.take(Place(lab.key, access, audit_log), lab.family)
        return spare or WorkerProcess(lab.family, {}, access, Host(access.server, audit_log))

    def _make_spare(self, place: Place) -> WorkerProcess | None:
        """Fork a worker for a place whose lab is loaded still."""
        with self._turn:
            lab = self._labs.get(place.key)
        if lab is None or not lab.answers():
            return None
        host = Host(place.access.server, place.audit_log)
        return WorkerProcess(lab.family, {}, place.access, host)

    def _take(self, checks: Path) -> LoadedLab:
        """Return a lab that is loaded as its files are now; give it back."""
        for _ in range(_TRIES):
            key = key_of(checks)
            with self._turn:
                loading = self._loading.setdefault(key, threading.Lock())
            with loading, suppress(ZygoteGone):
                with self._turn:
                    self._retire(key)
                    lab = self._labs.get(key)
                if lab is None:
                    lab = load_lab(key, self._the_zygote(), next(self._numbers))
                if lab is not None:
                    with self._turn:
                        self._labs[key] = lab  # one that does not answer is retired by the next try
                        if lab.answers():
                            lab.taken()
                            return lab
        raise WorkerFailed("The checks of this lab change while they are loaded, or end the grader")

    def _give_back(self, lab: LoadedLab) -> None:
        with self._turn:
            lab.given_back()
            if self._labs.get(lab.key) is not lab and not lab.busy:
                lab.close()

    def _retire(self, key: Key) -> None:
        """Close the labs that are worn out, idle, dead, too many, or another state of this one."""
        long_ago = time.monotonic() - IDLE_SECONDS
        by_use = sorted(self._labs.values(), key=lambda lab: lab.used_at)
        too_many = by_use[: max(len(by_use) - LABS, 0)]
        for lab in by_use:
            outdated = lab.key.checks == key.checks and lab.key != key
            worn_out = lab.forks >= FORKS or not lab.answers()
            if outdated or worn_out or lab in too_many or lab.used_at < long_ago:
                del self._labs[lab.key]
                if not lab.busy:
                    lab.close()

    def _the_zygote(self) -> Family:
        with self._turn:
            if self._zygote is not None and not self._zygote.gone:
                return self._zygote
            if self._zygote is not None:
                self._zygote.close()
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                _remove(self._folder)
            self._folder = tempfile.mkdtemp(prefix="assay-workers-")
            os.chmod(self._folder, 0o755)  # workers are in it, whatever their account
            self._zygote, self._process = _start_zygote(self._folder)
            return self._zygote


def _clear_up_after(worker: WorkerProcess) -> None:
    try:
        worker.close()
    except Exception:
        log.exception("a worker could not be cleared up after")


def _remove(folder: str) -> None:
    """Remove the empty folder of a zygote that was killed; one that ended has removed it."""
    with suppress(OSError):
        os.rmdir(folder)


def _start_zygote(folder: str) -> tuple[Family, subprocess.Popen[bytes]]:
    ours, theirs = Channel.pair()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-m", "graders.workers.zygote", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            cwd=folder,
            env=environment_in(folder),
            start_new_session=True,
        )
    except OSError:
        _remove(folder)
        ours.close()
        raise
    finally:
        theirs.close()
    return Family(ours), process


_pools: dict[int, Pool] = {}


def the_pool() -> Pool:
    """Return the pool of this process."""
    pid = os.getpid()
    if pid not in _pools:
        _pools.clear()  # those of the process that this one was forked from are not ours
        _pools[pid] = Pool()
        atexit.register(_pools[pid].close)
    return _pools[pid]
