"""Where one PostgreSQL replica's files are on this host, and how its programs are run there.

Invariant: nothing of it runs as root (`engines.isolation`): a dropped user owns a place of its
own, everybody else's files stay below the replica's folder.
"""

from __future__ import annotations

import os
import shutil
from functools import cached_property
from pathlib import Path

from recovery.adapters.databases.folders import Folder
from recovery.adapters.databases.postgresql.programs import major, programs_for
from recovery.adapters.databases.running import Done, run
from recovery.core.ports import EngineAway, EngineFailed, Place
from recovery.engines.isolation import Seat, choose, take_seat
from recovery.engines.places import MAX_SOCKET_PATH, short_place
from recovery.engines.postgres import leftover_pid

_SUFFIX = len("/.s.PGSQL.65535")


class Layout:
    """The paths and the programs of one replica at one version."""

    def __init__(self, place: Place, version: str) -> None:
        self.version = version
        self._place = place

    @cached_property
    def seat(self) -> Seat:
        self._place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return take_seat(
            programs=programs_for(self.version),
            folder=self._place.folder,
            isolation=choose(os.environ.get("TOCSIN_PG_ISOLATION")),
            elsewhere=short_place(self._place.folder, "/var/lib"),
        )

    @cached_property
    def files(self) -> Folder:
        folder = Folder(self.seat.folder)
        folder.log = self._place.folder / "server.log"
        return folder

    @property
    def major(self) -> int:
        return major(self.version)

    @property
    def socket(self) -> Path:
        """A folder closed to others: whoever opens it is the administrator."""
        near = self.seat.folder / "socket"
        fits = len(str(near)) + _SUFFIX < MAX_SOCKET_PATH
        return near if fits else short_place(near, "/tmp")  # noqa: S108 - made 0700 below

    @property
    def settings(self) -> Path:
        return self.seat.folder / "server.conf"

    @property
    def hba(self) -> Path:
        return self.seat.folder / "hba.conf"

    def open_socket_folder(self) -> None:
        """Empty: the server is stopped and nobody else's socket stands there. After a reboot the
        number in a lock that was left behind may be another process's, and no server starts."""
        self.socket.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket.chmod(0o700)
        for left in self.socket.glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)
        self.own(self.socket)

    def own(self, path: Path) -> None:
        """The file belongs to whom the server runs as, where that is not us."""
        if self.seat.owner:
            shutil.chown(path, self.seat.owner)

    def argv(self, program: str, *words: str) -> list[str]:
        return [*self.seat.prefix, str(self.seat.programs / program), *words]

    async def run(
        self, program: str, *words: str, keep: int, feed: str = "", password: str = ""
    ) -> Done:
        """One of PostgreSQL's programs, to its end."""
        environment = clean_environment()
        if password:
            environment["PGPASSWORD"] = password
        argv = self.argv(program, *words)
        return await run(argv, environment=environment, feed=feed, keep=(keep,))

    async def must(
        self, program: str, *words: str, keep: int, feed: str = "", password: str = ""
    ) -> Done:
        """The same; `EngineFailed` with its words where it did not succeed."""
        done = await self.run(program, *words, keep=keep, feed=feed, password=password)
        if done.code:
            raise failure(program, done)
        return done

    def is_made(self) -> bool:
        """True when whole data are there; refuses those of another version."""
        mark = self.files.data / "PG_VERSION"
        if not mark.exists():
            if self.files.data.exists():
                raise EngineFailed(f"{self.files.data} holds no PostgreSQL data", kept="It stays.")
            return False
        found, wanted = mark.read_text().strip(), major(self.version)
        if found != str(wanted):
            raise EngineFailed(
                f"the data are PostgreSQL {found}'s, {wanted} was asked for",
                field="version",
                kept="The data stay.",
                todo="Run that version, or upgrade the data by hand.",
            )
        return True

    async def control(self, keep: int) -> dict[str, str]:
        """What the control file of the data says, name by name."""
        done = await self.must("pg_controldata", "-D", str(self.files.data), keep=keep)
        pairs = (line.partition(":") for line in done.out.splitlines())
        return {name.strip(): value.strip() for name, _, value in pairs}

    def check_stopped(self) -> None:
        """Refuses while a server runs on the data; else a stale pid is gone."""
        pid_file = self.files.data / "postmaster.pid"
        pid = leftover_pid(pid_file)
        if pid is not None:
            raise EngineFailed(f"the server still runs (process {pid})", kept="Nothing changed.")
        pid_file.unlink(missing_ok=True)


_ELSEWHERE = ("could not connect", "connection to server", "could not receive", "timeout expired")
_REFUSED = ("authentication failed", "no pg_hba.conf entry", "does not exist", "identifier")


def failure(program: str, done: Done) -> EngineFailed | EngineAway:
    """`EngineAway` where another server could not be asked, `EngineFailed` where it said no."""
    text = f"{program}: {done.words}"
    if any(each in done.err for each in _REFUSED):
        return EngineFailed(text)
    if any(each in done.err for each in _ELSEWHERE):
        return EngineAway(text)
    return EngineFailed(text)


def clean_environment() -> dict[str, str]:
    """Without a caller's PG* settings, in the words that we read."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
