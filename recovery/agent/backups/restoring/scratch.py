"""A PostgreSQL server on restored data that nobody but us can reach: it replays, is asked, ends.

Invariants: it listens on no address, only in its own closed folder; it ends with this process; it
forgoes fsync, so its data count only after `settle`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from recovery.adapters.databases.leftovers import marked
from recovery.adapters.databases.postgresql.layout import Layout, clean_environment
from recovery.adapters.databases.postgresql.opening import opened
from recovery.agent.backups.fetch import blamed
from recovery.agent.backups.restoring.child import Child
from recovery.agent.backups.restoring.lineage import Lineage
from recovery.core.archive import lsn_number
from recovery.core.clock import system
from recovery.core.ports import EngineFailed, Login

_PORT = 5432
_PAUSE = 0.05
_MEANS = ("08", "53", "57", "58")
"""Classes of what a server says of its connections, means, operators and disks."""
_STOP_SECONDS = 60.0
_REPLAYING = re.compile(r"redo in progress, .* current LSN: ([0-9A-F]+/[0-9A-F]+)")
_TAIL = 16 << 10
_ENDED_BEFORE = "recovery ended before configured recovery target was reached"


class Private:
    """A server on `layout.files.data`. `admin`: its superuser, by whom it is asked."""

    def __init__(self, layout: Layout, lock: int, admin: str = Login.ADMIN.value) -> None:
        self._layout, self._lock = layout, lock
        self._admin = admin
        self._child = Child(signal.SIGQUIT)

    async def serve(self, seconds: float) -> None:
        """On data that a server ended in order: it is a primary when this returns."""
        await self._serves({}, seconds, lambda: None)

    def _begin(self, more: Mapping[str, str]) -> subprocess.Popen[bytes]:
        layout = self._layout
        layout.open_socket_folder()
        layout.hba.write_text(f"local all {self._admin} trust\nlocal all all reject\n")
        layout.own(layout.hba)
        argv = layout.argv("postgres", "-D", str(layout.files.data))
        for name, value in {**self._settings(), **more}.items():
            argv += ["-c", f"{name}={value}"]
        with layout.files.log.open("wb") as log:
            return subprocess.Popen(
                argv,
                env=marked(clean_environment()),
                cwd=layout.seat.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(self._lock,),
            )

    def _settings(self) -> dict[str, str]:
        return {
            "listen_addresses": "",
            "port": str(_PORT),
            "unix_socket_directories": str(self._layout.socket),
            "unix_socket_permissions": "0700",
            "hba_file": str(self._layout.hba),
            "hot_standby": "off",
            "archive_mode": "off",
            "fsync": "off",
            "shared_buffers": "64MB",
            "max_wal_size": "4GB",
            "autovacuum": "off",
            "logging_collector": "off",
            "lc_messages": "C",
            "log_startup_progress_interval": "100ms",
        }

    async def _serves(
        self, more: Mapping[str, str], seconds: float, look: Callable[[], None]
    ) -> None:
        """By these settings, too; `look` is called now and then until it is a primary."""
        self._child = Child(signal.SIGQUIT)
        await asyncio.to_thread(self._child.start, lambda: self._begin(more))
        process = self._child.process
        assert process is not None
        deadline = system.monotonic() + seconds
        while not await self._is_primary():
            if process.poll() is not None:
                raise blamed(f"the restored server ended: {self._fatal()}")
            await asyncio.to_thread(look)
            if system.monotonic() > deadline:
                raise EngineFailed(f"not recovered in {seconds:.0f} s: {self._fatal()}")
            await asyncio.sleep(_PAUSE)

    async def _is_primary(self) -> bool:
        try:
            row = await self.row("postgres", "SELECT NOT pg_is_in_recovery()")
        except EngineFailed:
            return False
        return bool(row[0])

    async def row(self, database: str, statement: LiteralString) -> tuple[Any, ...]:
        """The first row of an answer; the words of the server where there is none."""
        async with self._asked(database) as connection:
            cursor = await connection.execute(statement)
            row = await cursor.fetchone()
        if row is None:
            raise EngineFailed("no answer")
        return tuple(row)

    async def change(self, statement: sql.Composed) -> None:
        """Of the restored data, before they serve anybody."""
        async with self._asked("postgres") as connection:
            await connection.execute(statement)

    @contextlib.asynccontextmanager
    async def _asked(self, database: str) -> AsyncIterator[psycopg.AsyncConnection]:
        words = {
            "host": str(self._layout.socket),
            "port": str(_PORT),
            "user": self._admin,
            "dbname": database,
            "connect_timeout": "5",
        }
        try:
            async with opened(words) as connection:
                yield connection
        except (psycopg.Error, OSError) as error:
            raise _said(error) from error

    async def stop(self) -> None:
        """In order, with a last checkpoint."""
        process = self._child.process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        deadline = system.monotonic() + _STOP_SECONDS
        while process.poll() is None:
            if system.monotonic() > deadline:
                await self.kill()
                raise EngineFailed(f"the restored server did not stop: {self._fatal()}")
            await asyncio.sleep(_PAUSE)
        if process.returncode:
            raise blamed(f"the restored server ended badly: {self._fatal()}")

    async def kill(self) -> None:
        """Every process of it; nothing of its data is wanted any more."""
        await asyncio.to_thread(self._child.end)

    def _fatal(self) -> str:
        """What it said last that matters."""
        lines = self._layout.files.log.read_text(errors="replace").splitlines()
        fatal = [each for each in lines if "FATAL:" in each or "PANIC:" in each]
        return " | ".join((fatal or lines)[-3:]) or "it said nothing"


class Scratch(Private):
    """One that replays first."""

    def __init__(
        self, layout: Layout, lock: int, lineage: Lineage, admin: str = Login.ADMIN.value
    ) -> None:
        super().__init__(layout, lock, admin)
        self.lineage = lineage

    async def recover(
        self, to: datetime | None, seconds: float, replayed: Callable[[int], None]
    ) -> None:
        """Replays up to `to`, or everything, and is a primary then. Where the log ends before `to`
        nothing was committed after it, so everything is right. `replayed`: is told positions."""
        try:
            await self._recover(to, seconds, replayed)
        except EngineFailed as error:
            if to is None or _ENDED_BEFORE not in str(error):
                raise
            await self._recover(None, seconds, replayed)

    async def _recover(
        self, to: datetime | None, seconds: float, replayed: Callable[[int], None]
    ) -> None:
        mark = self._layout.files.data / "recovery.signal"
        mark.touch(mode=0o600)
        self._layout.own(mark)
        folder = self._layout.files.data / "pg_wal"
        await asyncio.to_thread(self.lineage.reserve, folder)
        for path in folder.glob("*.history"):
            self._layout.own(path)
        await self._serves(self._target(to), seconds, lambda: self._tell(replayed))

    def _target(self, to: datetime | None) -> dict[str, str]:
        target = {"recovery_target_time": to.astimezone(UTC).isoformat(" ")} if to else {}
        return target | {
            "restore_command": "false",
            "recovery_target_timeline": self.lineage.target,
            "recovery_target_action": "promote",
        }

    def _tell(self, replayed: Callable[[int], None]) -> None:
        """How far it has replayed, by its own word."""
        found = _REPLAYING.findall(_tail(self._layout.files.log))
        if found:
            replayed(lsn_number(found[-1]))


def _tail(log: Path) -> str:
    """Its last words, enough for one of each that it says again and again."""
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
        return file.read().decode(errors="replace")


def _said(error: psycopg.Error | OSError) -> EngineFailed:
    """What the server itself answers speaks of its data; no answer, or one about means, of none."""
    words = " ".join(str(error).split())
    code = error.sqlstate if isinstance(error, psycopg.Error) else None
    return blamed(words) if code and not code.startswith(_MEANS) else EngineFailed(words)
