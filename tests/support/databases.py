"""Databases for tests: clones of the migrated template, reached as the application's role."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

import psutil
from django.db import connections

from recovery.core.clock import system
from recovery.engines import roles
from recovery.engines.postgres import Cluster
from tests.support.server import PASSWORD, TEMPLATE

PATIENCE = 500.0
"""Seconds for all migrations: 10 where nothing else runs."""
UNHURRIED = urlencode(
    {
        "connect_timeout": "300",
        "options": "-c statement_timeout=5min -c idle_in_transaction_session_timeout=15min",
    },
    quote_via=quote,
)
"""With `TOCSIN_TESTS_UNHURRIED=1`: tests that wait for nothing, beside a Tocsin that starts and has
both processors for ten seconds and more; the product itself gives up after 3, 10 and 30."""


@dataclass(frozen=True, slots=True)
class Database:
    """One database of the run's server, and the ways to reach it."""

    cluster: Cluster
    name: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """As the application: what Tocsin's processes use."""
        url = self.cluster.url(roles.APPLICATION, PASSWORD, self.name)
        return f"{url}&{UNHURRIED}" if os.environ.get("TOCSIN_TESTS_UNHURRIED") == "1" else url

    @property
    def sealer_url(self) -> str:
        """As the sealer: the application, and the audit log is its to seal."""
        return self.cluster.url(roles.SEALER, PASSWORD, self.name)

    @property
    def migrator_url(self) -> str:
        return self.cluster.url(roles.MIGRATOR, PASSWORD, self.name)

    @property
    def superuser_url(self) -> str:
        return self.cluster.superuser_url(self.name)

    def environ(self, **more: str) -> dict[str, str]:
        """The environment for a process of ours that is to work on this database."""
        ours = {"TOCSIN_DATABASE_URL": self.url, "TOCSIN_MIGRATOR_DATABASE_URL": self.migrator_url}
        return os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"} | ours | more


def run_folder() -> Path:
    return Path(os.environ["TOCSIN_TEST_RUN"])


def run_owner() -> int:
    """The pytest process that the run belongs to (not an xdist worker)."""
    return int(os.environ["TOCSIN_TEST_OWNER"])


def quiet_cluster(worker: str) -> Cluster:
    """A worker's own server, for tests that wait for every transaction of a server to end: a
    worker beside them holds one for as long as its test runs."""
    running_cluster()
    folder = run_folder() / f"quiet-{worker}"
    folder.mkdir(exist_ok=True)
    return _running(folder, run_folder())


def running_cluster() -> Cluster:
    """The run's server, started by whichever worker asks first."""
    return _running(run_folder())


def _running(folder: Path, like: Path | None = None) -> Cluster:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "postgres.ready").exists():
            _start_server(folder, like)
    return Cluster(folder / "postgres")


def _start_server(folder: Path, like: Path | None) -> None:
    """On a starved machine its migrations outlast a test's time: the next test waits for the same
    server, for a second one would find its folder taken."""
    server = _begun(folder) or _begin(folder, like)
    deadline = system.monotonic() + PATIENCE
    while not (folder / "postgres.ready").exists():
        if not _lives(server) or system.monotonic() > deadline:
            words = (folder / "server.log").read_text()[-3000:]
            raise RuntimeError(f"the test run's PostgreSQL did not start:\n{words}")
        time.sleep(0.05)


def _begin(folder: Path, like: Path | None) -> psutil.Process:
    root = Path(__file__).resolve().parents[2]
    argv = [sys.executable, "-m", "tests.support.server", str(folder), str(run_owner())]
    argv += [str(like)] if like else []
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(argv, cwd=root, stdout=log, stderr=log, start_new_session=True)
    (folder / "server.pid").write_text(str(server.pid))
    server.returncode = 0  # it outlives this worker on purpose: no warning when we go
    return psutil.Process(server.pid)


def _begun(folder: Path) -> psutil.Process | None:
    """The one that another test, or another worker, began to start."""
    with suppress(FileNotFoundError, psutil.NoSuchProcess):
        server = psutil.Process(int((folder / "server.pid").read_text()))
        if _lives(server):
            return server
    return None


def _lives(server: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return server.is_running() and server.status() != psutil.STATUS_ZOMBIE
    return False


@contextmanager
def cloned(cluster: Cluster, name: str) -> Iterator[Database]:
    """A database of its own; gone afterwards, whoever is still connected."""
    with cluster.superuser() as connection:
        roles.drop_database(connection, name)
        roles.ensure_database(connection, name, template=TEMPLATE)
    try:
        yield Database(cluster, name)
    finally:
        with cluster.superuser() as connection:
            roles.drop_database(connection, name)


@contextmanager
def django_on(database: Database, *, url: str = "") -> Iterator[None]:
    """Inside, Django's default connection reaches this database, as the application or with this
    URL; afterwards the former one."""
    from dashboard.settings import database_from_url

    target = connections.settings["default"]
    before = dict(target)
    connections["default"].close()
    target.update(database_from_url(url or database.url))
    try:
        yield
    finally:
        connections["default"].close()
        target.update(before)
