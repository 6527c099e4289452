"""A primary with an archiver beside it, its stores, and clients that write."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.databases.postgresql.files import upstream
from recovery.agent.backups.archiver import Archiver, Primary
from recovery.agent.backups.keeping import Keeping, Plan
from recovery.agent.backups.spool import Spool
from recovery.agent.backups.stream import Cutting
from recovery.core.archive import Coverage, RetentionPolicy, coverage
from recovery.core.ports import DATABASE, Login, ObjectStore
from tests.adapters.backups.conftest import KEYS
from tests.adapters.databases.clients import PostgresClient
from tests.adapters.databases.servers import SECRET, Family, Server
from tests.support.waiting import until

CLIENT = PostgresClient()
QUICK = Plan(
    cutting=Cutting(seconds=0.3, idle=1.0, patience=0.3),
    look_seconds=0.2,
    canary_seconds=0.5,
    retry_seconds=0.3,
    again_seconds=0.3,
    longest_seconds=1.0,
    kept=RetentionPolicy(backups=2, days=1),
    base_every=timedelta(days=1),
    fast=True,
)


ONCE = pytest.mark.parametrize("family", ["18"], indirect=True)
"""What does not depend on the server's version is shown with one of them."""


class OnlyKeeping(Keeping):
    """Spool, carriers and retention; no engine beside them."""

    async def work(self, group: asyncio.TaskGroup) -> None:
        """Nothing."""


def primary_of(server: Server) -> Primary:
    spec = server.spec
    member = next(each for each in spec.members if each.replica == spec.replica)
    words = upstream(member, spec, server.place)
    replication = words | {"password": Login.REPLICATION.password(SECRET)}
    probe = words | {
        "user": Login.PROBE.value,
        "password": Login.PROBE.password(SECRET),
        "dbname": DATABASE,
    }
    return Primary(spec.replica, spec.version, replication, probe)


class Archive:
    """The archiver of one server, started and stopped as its agent would."""

    def __init__(self, folder: Path, stores: Sequence[ObjectStore], plan: Plan = QUICK) -> None:
        self.folder, self.stores, self.plan = folder, stores, plan
        self.archiver: Archiver | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self, server: Server) -> None:
        self.folder.mkdir(exist_ok=True)
        spool = Spool(DirectoryStore("spool", self.folder), "shop", KEYS)
        self.archiver = Archiver(primary_of(server), spool, self.stores, self.plan)
        self._running = asyncio.create_task(self.archiver.run())

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            self._running = None

    async def covers(self, store: ObjectStore, moment: datetime, seconds: float = 60.0) -> Coverage:
        """Waits until the store alone proves that moment."""
        seen: list[Coverage] = []

        async def has_it() -> bool:
            if self._running is not None and self._running.done():
                self._running.result()
            seen.append(coverage(await store.list("shop/")))
            newest = seen[-1].moment
            return newest is not None and newest >= moment

        try:
            await until(has_it, seconds)
        except TimeoutError as error:
            told = self.archiver.fact() if self.archiver else None
            raise AssertionError(f"{seen[-1].moment} {seen[-1].missing} {told}") from error
        return seen[-1]


@dataclass
class Ledger:
    """Writes numbers one after another; knows which were acknowledged, and when by the server."""

    server: Server
    payload: int = 0
    first: int = 0
    acknowledged: dict[int, datetime] = field(default_factory=dict)
    _running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.create_task(self._write())

    async def _write(self) -> None:
        """Until the server goes."""
        server = self.server.spec
        with contextlib.suppress(psycopg.OperationalError):
            async with await psycopg.AsyncConnection.connect(
                host="127.0.0.1",
                port=server.port,
                user=Login.CLIENT,
                password=Login.CLIENT.password(SECRET),
                dbname=DATABASE,
                autocommit=True,
            ) as connection:
                await connection.execute(
                    "CREATE TABLE IF NOT EXISTS padding (number int, text text)"
                )
                number = self.first
                while True:
                    await connection.execute("INSERT INTO ledger VALUES (%s)", [number])
                    row = await connection.execute("SELECT clock_timestamp()")
                    found = await row.fetchone()
                    assert found is not None
                    self.acknowledged[number] = found[0]
                    if self.payload:
                        text = "md5(random()::text) || md5(random()::text)"
                        await connection.execute(
                            "INSERT INTO padding SELECT n, "  # noqa: S608
                            f"{text} FROM generate_series(1, {self.payload}) n"
                        )
                    number += 1
                    await asyncio.sleep(0.002)

    async def stop(self) -> None:
        assert self._running is not None
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running

    async def ended(self) -> None:
        """The server is gone: its client sees it by itself."""
        assert self._running is not None
        async with asyncio.timeout(30):
            await self._running

    @property
    def last(self) -> datetime:
        return max(self.acknowledged.values())

    def up_to(self, moment: datetime) -> set[int]:
        return {number for number, at in self.acknowledged.items() if at <= moment}


async def written(family: Family, name: str = "a") -> Server:
    """A primary alone, with the table of the ledger."""
    server = family.servers[name]
    await server.engine.make(server.spec)
    await server.start()
    await CLIENT.prepare(server)
    return server


def fill(server: Server, text: str, mebibytes: int) -> None:
    """So much of what packs well, or does not; 1024 rows a MiB."""
    with CLIENT.connect(server) as session:
        session.execute("CREATE TABLE filler (text text STORAGE EXTERNAL)")
        session.execute(
            f"INSERT INTO filler SELECT (SELECT string_agg({text}, '') FROM "  # noqa: S608
            f"generate_series(1, 30) k) FROM generate_series(1, {mebibytes << 10}) n"
        )
