"""The spool's disk: a base may need less of it than its data, and never takes the log's room."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.agent.backups.base import BaseBackup
from recovery.agent.backups.spool import Spool
from recovery.core.clock import system
from recovery.core.ports import StoreFull
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
from tests.decisions.archive.build import chunk
from tests.support.waiting import until


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Some 22 MiB of its own."""
    with TemporaryDirectory(prefix="tocsin-db-") as folder:
        family = Family("postgresql", "18", Path(folder), {"fsync": "off"})
        yield await written(family)
        await family.close()


def told(archive: Archive) -> str:
    assert archive.archiver is not None
    return archive.archiver.fact().trouble


def bases(archive: Archive) -> list[str]:
    assert archive.archiver is not None
    return [name for name in archive.archiver.spool.objects if "/base/" in name]


async def test_data_larger_than_their_spools_disk_are_backed_up_where_they_pack(
    server: Server, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    fill(server, "repeat('x', 32)", 120)
    with small_disk(tmp_path / "spool", 80) as spool:
        archive = Archive(spool, [folder_store])
        archive.start(server)
        await archive.covers(folder_store, system.now())
        await archive.stop()


async def test_a_base_that_does_not_fit_is_stopped_leaves_nothing_and_is_not_begun_again(
    server: Server, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    fill(server, "md5((n * 64 + k)::text)", 160)
    with small_disk(tmp_path / "spool", 90) as spool:
        archive = Archive(spool, [folder_store])
        archive.start(server)
        await until(lambda: "The base backup of shop was stopped: " in told(archive))
        assert "Nothing of it is left, and the log goes on." in told(archive)
        assert bases(archive) == []
        await until(lambda: "No base backup of shop is begun: it needs" in told(archive))
        assert not [each for each in await folder_store.list() if "/manifest" in each.name]
        names = {each.name for each in await folder_store.list("shop/") if "/wal/" in each.name}
        await CLIENT.write(server, 1)

        async def goes_on() -> bool:
            seen = await folder_store.list("shop/")
            return bool({each.name for each in seen if "/wal/" in each.name} - names)

        await until(goes_on)
        size = ["mount", "-o", "remount,size=400m", str(spool)]
        assert await (await asyncio.create_subprocess_exec(*size)).wait() == 0
        await archive.covers(folder_store, system.now())
        await archive.stop()


async def test_a_base_that_fails_leaves_nothing_in_the_spool(
    server: Server, tmp_path: Path
) -> None:
    """Of a disk that somebody else fills meanwhile."""
    with small_disk(tmp_path / "spool", 2) as folder:
        spool = Spool(DirectoryStore("spool", folder), "shop", KEYS)

        async def room() -> int:
            return 1 << 40

        spool.room = room  # type: ignore[method-assign]
        backup = BaseBackup(primary_of(server).replication, spool, "18", fast=True)
        with pytest.raises(ExceptionGroup) as failed:
            await backup.take()
        assert failed.group_contains(StoreFull)
        assert await spool.store.list() == []


async def test_a_store_that_is_full_in_mid_upload_delays_only_itself_and_goes_on_with_room(
    tmp_path: Path, folder_store: DirectoryStore
) -> None:
    (tmp_path / "spool").mkdir()
    spool = Spool(DirectoryStore("spool", tmp_path / "spool"), "shop", KEYS)
    names = [chunk(3 + n / 8, 3 + (n + 1) / 8, n).name for n in range(8)]
    with small_disk(tmp_path / "full", 9) as folder:
        full = DirectoryStore("replica 2", folder)
        keeping = OnlyKeeping("a", spool, [folder_store, full], QUICK)
        running = asyncio.create_task(keeping.run())
        for name in names:
            await spool.put(name, os.urandom(2 << 20))
        await until(lambda: keeping.carriers[0].has >= set(names))
        await until(lambda: "no space is left" in keeping.fact().stores[1].trouble)
        assert keeping.fact().stores[0].trouble == ""
        there = {each.name: each.size for each in await full.list("shop/")}
        assert 0 < len(there) < len(names)
        assert there == {name: spool.objects[name].size for name in there}, "none is half there"
        assert list((folder / ".partial").iterdir()) == []
        assert keeping.fact().stores[1].missing == len(names) - len(there)
        size = ["mount", "-o", "remount,size=64m", str(folder)]
        assert await (await asyncio.create_subprocess_exec(*size)).wait() == 0
        await until(lambda: keeping.carriers[1].has >= set(names))
        assert keeping.fact().stores[1].trouble == ""
        running.cancel()
        await asyncio.wait({running})
