"""Fixtures of every package: an installation of its own, and real clusters in it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from clusters.provider import Cluster, ClusterProvider
from clusters.providers.embedded import EmbeddedProvider
from clusters.providers.kind import KindProvider
from clusters.spec import ClusterSpec

SERVER_ACCOUNT = "nobody"
"""PostgreSQL refuses to run as root."""


def pytest_configure() -> None:
    """Let programs under test be interrupted, also when these tests run in the background.

    A shell has what it puts there ignore SIGINT, and whatever that starts inherits it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def assay_home() -> Iterator[Path]:
    """An installation for this run: no test touches the one of the person who runs it."""
    remove_what_killed_runs_left()
    # A short path, since some tests put unix sockets below it (108 bytes at most).
    home = Path(tempfile.mkdtemp(prefix=f"assay-{os.getpid()}-", dir="/tmp"))
    before = os.environ.get("ASSAY_HOME")
    os.environ["ASSAY_HOME"] = str(home)
    yield home
    if before is None:
        del os.environ["ASSAY_HOME"]
    else:
        os.environ["ASSAY_HOME"] = before
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def provider(assay_home: Path) -> Iterator[EmbeddedProvider]:
    """The embedded provider of this run; whatever a test leaves running in it is deleted."""
    provider = EmbeddedProvider(assay_home / "clusters")
    yield provider
    delete_clusters(provider)


@pytest.fixture(scope="module")
def cluster(provider: EmbeddedProvider) -> Iterator[Cluster]:
    """A running cluster with the default inventory, shared by the tests of one module."""
    name = f"test-{secrets.token_hex(3)}"
    yield provider.create(ClusterSpec(name))
    provider.delete(name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of this run: the part of its databases' URLs behind `?`."""
    for program in ("initdb", "pg_ctl"):
        if shutil.which(program) is None:
            pytest.skip(f"PostgreSQL's {program} is not installed")
    with tempfile.TemporaryDirectory(prefix="assay-pg-", dir="/tmp") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, SERVER_ACCOUNT)
        data = f"{folder}/data"
        as_server("initdb", "-D", data, "-U", "assay", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        as_server("pg_ctl", "-D", data, "-l", f"{folder}/log", "-o", options, "-w", "start")
        try:
            yield f"host={folder}&user=assay"
        finally:
            as_server("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


@pytest.fixture(scope="session")
def new_postgresql_url(postgresql: str) -> Callable[[], str]:
    """Return a maker of empty PostgreSQL databases; it gives the URL of each."""
    import psycopg

    def make() -> str:
        name = f"assay_{secrets.token_hex(4)}"
        admin = f"{postgresql.replace('&', ' ')} dbname=postgres"
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql:///{name}?{postgresql}"

    return make


def as_server(*command: str) -> None:
    if os.geteuid() == 0:
        command = ("setpriv", f"--reuid={SERVER_ACCOUNT}", "--clear-groups", *command)
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr


def remove_what_killed_runs_left() -> None:
    for home in Path("/tmp").glob("assay-*-*"):
        owner = home.name.split("-")[1]
        if (
            owner.isdigit()
            and home.stat().st_uid == os.getuid()
            and not psutil.pid_exists(int(owner))
        ):
            delete_clusters(EmbeddedProvider(home / "clusters"))
            if (home / "kind").is_dir():
                delete_clusters(KindProvider(home / "kind"))
            shutil.rmtree(home, ignore_errors=True)


def delete_clusters(provider: ClusterProvider) -> None:
    for cluster in provider.list():
        provider.delete(cluster.name)
