"""A store that is gone for good, on a host whose disk is small: the spool never fills it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.polite import PoliteStore
from recovery.agent.backups.archiver import Archiver
from recovery.agent.backups.carry import Carrier
from recovery.agent.backups.spool import Spool
from recovery.core.archive import SEGMENT, coverage
from recovery.core.clock import system
from recovery.core.ports import ObjectStore
from tests.adapters.backups.conftest import KEYS
from tests.adapters.databases.disks import small_disk
from tests.adapters.databases.servers import Family, Server
from tests.agent.backups.fields import (
    CLIENT,
    QUICK,
    Archive,
    OnlyKeeping,
    fill,
    primary_of,
    written,
)
from tests.decisions.archive.build import base, chunk
from tests.support.waiting import until

NEEDS = "replica 2 will need a new base."


def polite(folder: Path) -> Spool:
    store = PoliteStore("spool", folder, whose="the databases", beside=folder)
    return Spool(store, "shop", KEYS)


def _has(carrier: Carrier, name: str) -> bool:
    return name in carrier.has


def free(folder: Path) -> int:
    seen = os.statvfs(folder)
    return seen.f_bavail * seen.f_frsize


async def test_the_spool_forgets_what_another_store_has_and_says_what_that_means(
    tmp_path: Path, folder_store: DirectoryStore
) -> None:
    """Of 120 MiB six are kept free, and 160 MiB of log come."""
    with small_disk(tmp_path / "spool", 120) as folder:
        spool, gone = polite(folder), DirectoryStore("replica 2", tmp_path / "gone")
        keeping = OnlyKeeping("a", spool, [folder_store, gone], QUICK)
        running = asyncio.create_task(keeping.run())
        first = base(0, 3 * SEGMENT, parts=1)
        names = [chunk(3 + n / 8, 3 + (n + 1) / 8, n).name for n in range(80)]
        for name in [str(first.part(0)), str(first), *names]:
            await spool.put(name, os.urandom(2 << 20))  # refused, it would raise
            assert free(folder) >= 6 << 20
            await until(partial(_has, keeping.carriers[0], name))
            await until(lambda: free(folder) >= 10 << 20)
        await until(lambda: NEEDS in keeping.fact().trouble)
        assert coverage(spool.objects.values()).newest is not None, "its base can be restored"
        assert coverage(await folder_store.list("shop/")).missing == ()
        gone.folder.mkdir()
        await until(lambda: keeping.carriers[1].missing == [])
        assert NEEDS in keeping.fact().trouble
        running.cancel()
        await asyncio.wait({running})
        spool = polite(folder)
        keeping = OnlyKeeping("a", spool, [folder_store, gone], QUICK)
        running = asyncio.create_task(keeping.run())
        await until(lambda: NEEDS in keeping.fact().trouble)
        second, end = base(90, 13 * SEGMENT, parts=1), chunk(13, 14, 91)
        for name in [str(second.part(0)), str(second), end.name]:
            await spool.put(name, b"x")
        await until(lambda: keeping.fact().trouble == "")
        there = coverage(await gone.list("shop/")).newest
        assert there is not None
        assert there.name == second
        running.cancel()
        await asyncio.wait({running})


async def test_a_spool_that_nobody_empties_takes_nothing_below_its_reserve_and_says_so(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "spool", 40) as folder:
        spool, gone = polite(folder), DirectoryStore("replica 1", tmp_path / "gone")
        keeping = OnlyKeeping("a", spool, [gone], QUICK)
        running = asyncio.create_task(keeping.run())
        taken = [chunk(3 + n / 8, 3 + (n + 1) / 8, n).name for n in range(18)]
        for name in taken:
            await spool.put(name, os.urandom(2 << 20))
        await until(lambda: "no store that answers" in keeping.fact().trouble)
        assert set(spool.objects) == set(taken)
        running.cancel()
        await asyncio.wait({running})


@asynccontextmanager
async def server_on(folder: Path | None = None, **settings: str) -> AsyncIterator[Server]:
    with TemporaryDirectory(prefix="tocsin-db-") as home:
        family = Family("postgresql", "18", folder or Path(home), {"fsync": "off", **settings})
        try:
            yield await written(family)
        finally:
            await family.close()


def archiver_on(server: Server, spool: Spool, stores: list[ObjectStore]) -> Archiver:
    plan = replace(QUICK, spared=timedelta(seconds=4), retention_seconds=1)
    return Archiver(primary_of(server), spool, stores, plan)


async def test_a_store_that_comes_back_after_its_log_was_forgotten_gets_a_new_base(
    tmp_path: Path, folder_store: DirectoryStore
) -> None:
    """And no more bases are made than are of use."""
    archive = Archive(tmp_path, [])
    with small_disk(tmp_path / "spool", 64) as disk:
        async with server_on() as server:
            gone = DirectoryStore("replica 2", tmp_path / "gone")
            archiver = archiver_on(server, polite(disk), [folder_store, gone])
            running = asyncio.create_task(archiver.run())
            await archive.covers(folder_store, system.now())
            began = system.monotonic()
            for number in range(6):
                fill(server, "md5((n * 64 + k)::text)", 20)
                await archive.covers(folder_store, system.now())
                with CLIENT.connect(server) as session:
                    session.execute(f"ALTER TABLE filler RENAME TO filler{number}")
                    session.execute(f"TRUNCATE filler{number}")
            assert "replica 2 lacks were forgotten" in archiver.fact().trouble
            most = 2 + (system.monotonic() - began) / 4
            assert len(coverage(await folder_store.list("shop/")).backups) <= most
            gone.folder.mkdir()
            await CLIENT.write(server, 1)
            await archive.covers(gone, system.now(), 60)
            await until(lambda: archiver.fact().trouble == "")
            running.cancel()
            await asyncio.wait({running})


async def test_a_database_never_meets_a_full_disk_for_its_archives_sake(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No store answers, and its slot would keep more of its log than its disk has room for."""
    with small_disk(tmp_path / "disk", 1600) as disk:
        disk.chmod(0o755)
        (disk / "home").mkdir()
        (disk / "spool").mkdir()
        with (disk / "filler").open("wb") as out:
            os.posix_fallocate(out.fileno(), 0, 1360 << 20)
        sizes = {"max_wal_size": "32MB", "min_wal_size": "32MB", "wal_keep_size": "0"}
        async with server_on(disk / "home", max_slot_wal_keep_size="4GB", **sizes) as server:
            gone = DirectoryStore("replica 1", tmp_path / "gone")
            archiver = archiver_on(server, polite(disk / "spool"), [gone])
            running = asyncio.create_task(archiver.run())
            await until(lambda: archiver.stream is not None and archiver.stream.moment)
            least, more = free(disk), 12
            for number in range(400):
                fill(server, "md5((n * 64 + k)::text)", 4)
                with CLIENT.connect(server) as session:
                    session.execute(f"ALTER TABLE filler RENAME TO filler{number}")
                    session.execute(f"TRUNCATE filler{number}")
                least = min(least, free(disk))
                more -= "keeps its log back" in caplog.text
                if not more:
                    break
                await asyncio.sleep(0.05 if free(disk) > 100 << 20 else 0.4)
            assert not more, "it was let go"
            assert 0 < least < 60 << 20
            await CLIENT.write(server, 1)
            running.cancel()
            await asyncio.wait({running})
