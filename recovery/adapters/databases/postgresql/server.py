"""PostgreSQL behind the port `DatabaseEngine`.

Invariants beyond the port's: `standby.signal` is written before every start that is not a made
primary's, and only a promotion takes it away (a standby's data started without it would go on
on the old timeline, and two servers would write the same one); settings and access rules lie
beside the data; the passwords are on no command line.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from recovery.adapters.databases.folders import write_whole
from recovery.adapters.databases.members import primary_of
from recovery.adapters.databases.postgresql import files, looks, source
from recovery.adapters.databases.postgresql.cancelled import CancelledWaits
from recovery.adapters.databases.postgresql.forks import position
from recovery.adapters.databases.postgresql.layout import Layout, clean_environment
from recovery.adapters.databases.postgresql.rejoining import Rejoin
from recovery.adapters.databases.postgresql.session import Session
from recovery.adapters.databases.running import alone
from recovery.core.clock import system
from recovery.core.ports import (
    DATABASE,
    Command,
    Divergence,
    EngineAway,
    EngineFailed,
    Kept,
    Login,
    Place,
    Rejoined,
    ServerFacts,
)
from recovery.core.wire import DatabaseSpec

_PAUSE = 0.02


class Postgres:
    """One replica of a PostgreSQL database on this host."""

    name = "postgresql"

    def __init__(self, place: Place, *, version: str, port: int) -> None:
        self._place = place
        self._layout = Layout(place, version)
        self._session = Session(self._layout, port)
        self._cancelled = CancelledWaits(self._layout.files.log)

    def is_made(self) -> bool:
        return self._layout.is_made()

    # ------------------------------------------------------------------ data

    async def make(self, spec: DatabaseSpec) -> None:
        async with alone(self._place.folder) as keep:
            if self.is_made():
                return
            layout, partial = self._layout, await self._layout.files.begin()
            options = ["-U", Login.ADMIN.value, "--encoding=UTF8", "--locale=C", "--auth=reject"]
            options += ["--data-checksums", *_unsynced(spec)]
            await layout.must("initdb", "-D", str(partial), *options, keep=keep)
            await self._say(partial, "postgres", files.first_statements(spec), keep)
            await self._say(partial, DATABASE, files.second_statements(), keep)
            layout.files.complete()

    async def _say(self, data: Path, database: str, statements: str, keep: int) -> None:
        """Statements to a server that nobody else can reach: single-user mode."""
        options = ["--single", "-D", str(data), "-c", "log_min_messages=error", database]
        done = await self._layout.must("postgres", *options, keep=keep, feed=statements)
        if "ERROR:" in done.err or "FATAL:" in done.err:
            raise EngineFailed(f"a new database could not be filled: {done.words}")

    async def clone(self, spec: DatabaseSpec) -> None:
        async with alone(self._place.folder) as keep:
            if self.is_made():
                return
            await self._copy_of_primary(spec, keep)
            self._layout.files.complete()

    async def _copy_of_primary(self, spec: DatabaseSpec, keep: int) -> Path:
        """A base backup in the partial folder, complete and marked as a standby's."""
        primary = primary_of(spec)
        await source.ask(primary, spec, self._place)
        partial = await self._layout.files.begin()
        words = files.keywords(files.upstream(primary, spec, self._place))
        options = ["-D", str(partial), "--checkpoint=fast", "--wal-method=stream", "--no-password"]
        await self._layout.must(
            "pg_basebackup",
            f"--dbname={words}",
            *options,
            *_unsynced(spec),
            keep=keep,
            password=Login.REPLICATION.password(spec.secret),
        )
        found = (partial / "PG_VERSION").read_text().strip()
        if found != str(self._layout.major):
            raise EngineFailed(
                f"{primary.replica} runs PostgreSQL {found}, this replica is to run "
                f"{self._layout.major}",
                field="version",
            )
        self._mark_standby(partial)
        return partial

    def _mark_standby(self, data: Path) -> None:
        mark = data / "standby.signal"
        mark.touch(mode=0o600)
        self._layout.own(mark)

    # ------------------------------------------------------------------ the server

    async def arrange(self, spec: DatabaseSpec) -> None:
        async with alone(self._place.folder):
            if not self.is_made():
                raise EngineFailed(f"{spec.replica} has no data yet", todo="Make or clone them.")
            self._layout.check_stopped()
            self._layout.open_socket_folder()
            self._write(spec)
            if spec.role != "primary":
                self._mark_standby(self._layout.files.data)

    def _write(self, spec: DatabaseSpec) -> None:
        layout = self._layout
        owner = layout.seat.owner
        text = files.server_conf(spec, self._place, socket=layout.socket, hba=layout.hba)
        write_whole(layout.settings, text, owner)
        write_whole(layout.hba, files.hba_conf(spec), owner)

    def command(self, spec: DatabaseSpec) -> Command:
        data, settings = self._layout.files.data, self._layout.settings
        argv = self._layout.argv("postgres", "-D", str(data), "-c", f"config_file={settings}")
        return Command(
            argv=tuple(argv),
            environment=clean_environment(),
            folder=self._layout.seat.folder,
            log=self._layout.files.log,
            polite=signal.SIGINT,
        )

    async def accepts(self, seconds: float) -> None:
        deadline = system.monotonic() + seconds
        while True:
            try:
                await self._session.rows("SELECT 1 AS one")
            except EngineAway as error:
                if system.monotonic() > deadline:
                    words = self._layout.files.last_words()
                    raise EngineAway(f"not ready in {seconds:.0f} s: {words}") from error
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def look(self, spec: DatabaseSpec) -> ServerFacts:
        replicas = [member.replica for member in spec.members]
        itself = await self._session.row(looks.ITSELF)
        standbys = await self._session.rows(looks.STANDBYS, [replicas])
        settings = await self._session.rows(looks.SETTINGS, [list(looks.TOLD)])
        cancelled = await asyncio.to_thread(self._cancelled.count)
        return looks.facts(spec, self._place, itself, standbys, settings, cancelled=cancelled)

    async def configure(self, spec: DatabaseSpec) -> None:
        self._write(spec)
        before = (await self._session.row("SELECT pg_conf_load_time() AS at"))["at"]
        await self._session.rows("SELECT pg_reload_conf()")
        deadline = system.monotonic() + 5.0
        while (await self._session.row("SELECT pg_conf_load_time() AS at"))["at"] == before:
            if system.monotonic() > deadline:
                raise EngineFailed("the server did not read its settings again in 5 s")
            await asyncio.sleep(_PAUSE)

    # ------------------------------------------------------------------ acts of a failover

    async def promote(self, spec: DatabaseSpec, *, seconds: float = 30.0) -> None:
        if not await self._is_standby():
            return
        await self.configure(spec)
        await self._session.rows("SELECT pg_promote(false)")
        deadline = system.monotonic() + seconds
        while await self._still_standby():
            if system.monotonic() > deadline:
                words = self._layout.files.last_words()
                raise EngineFailed(f"not promoted in {seconds:.0f} s: {words}")
            await asyncio.sleep(_PAUSE)

    async def _is_standby(self) -> bool:
        row = await self._session.row("SELECT pg_is_in_recovery() AS yes")
        return bool(row["yes"])

    async def _still_standby(self) -> bool:
        try:
            return await self._is_standby()
        except EngineAway as error:
            # it may lead when it runs again: no "no", on which somebody else would be promoted
            words = self._layout.files.last_words()
            raise EngineAway(f"the server ended while it was promoted: {words}") from error

    async def repoint(self, spec: DatabaseSpec) -> None:
        if not await self._is_standby():
            raise EngineFailed(f"{spec.replica} is a primary", todo="Stop it, then let it rejoin.")
        primary_of(spec)
        await self.configure(spec)

    async def ended_at(self) -> int | None:
        """Where the checkpoint of the shutdown begins. It is the last record of the log, and the
        server waits until its standbys have it."""
        async with alone(self._place.folder) as keep:
            self._layout.check_stopped()
            control = await self._layout.control(keep)
        if control.get("Database cluster state") != "shut down":
            return None
        return position(control["Latest checkpoint location"])

    async def divergence(self, spec: DatabaseSpec) -> Divergence:
        async with alone(self._place.folder) as keep:
            self._layout.check_stopped()
            return await Rejoin(self._layout, self._place, spec, keep).divergence()

    async def rejoin(self, spec: DatabaseSpec) -> Rejoined:
        async with alone(self._place.folder) as keep:
            self._layout.check_stopped()
            self._write(spec)
            rejoin = Rejoin(self._layout, self._place, spec, keep)
            done = await rejoin.run(lambda: self._copy_of_primary(spec, keep))
            self._mark_standby(self._layout.files.data)
            return done

    async def keep(self) -> Kept:
        async with alone(self._place.folder):
            self._layout.check_stopped()
            return await asyncio.to_thread(self._layout.files.keep)

    async def close(self) -> None:
        await self._session.close()


def _unsynced(spec: DatabaseSpec) -> list[str]:
    """A database that forgoes fsync need not wait for it when it is made either."""
    return ["--no-sync"] if spec.settings.get("fsync") == "off" else []
