"""The parts of archiving and restoring that a whole run does not reach by itself."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.agent.backups import canary
from recovery.agent.backups.base import BaseBackup
from recovery.agent.backups.fetch import RestoreRefused, Source
from recovery.agent.backups.progress import Measured, Progress
from recovery.agent.backups.progress.eta import Paces
from recovery.agent.backups.restore import Restore
from recovery.agent.backups.spool import Spool
from recovery.agent.backups.stream import Cutting
from recovery.core.archive import (
    SEGMENT,
    Chunk,
    RetentionPolicy,
    coverage,
    parse,
)
from recovery.core.clock import system
from recovery.core.ports import EngineAway, EngineFailed, Login
from tests.adapters.backups.conftest import KEYS
from tests.adapters.databases.disks import fill, small_disk
from tests.adapters.databases.servers import Family
from tests.agent.backups.fields import CLIENT, QUICK, Archive, OnlyKeeping, primary_of, written
from tests.decisions.archive.build import base
from tests.support.waiting import until


def test_the_time_left_is_told_after_the_first_tenth_and_to_the_end() -> None:
    progress = Progress(measured=Measured(Paces(proof=0.4, is_measured=True)))
    progress.begin("fetching the base", total=100, replay=0)
    began, told = progress.began, [progress.seconds_left]
    for size in (9, 41):
        progress.came(size)
        told.append(progress.seconds_left)
    assert told == [None, None, None], "the disk has taken nothing yet"
    progress.began -= 9
    progress._came[0] = progress._safe[0] = (began - 9, 0)
    progress.is_safe(50)
    assert progress.seconds_left is not None
    progress.came(50)
    progress.brought()
    proof = progress.measured.paces.proof
    assert progress.seconds_left == pytest.approx(proof, abs=0.5), "the proof is still to come"
    progress.proving()
    progress.ended()
    assert progress.seconds_left == 0.0
    assert progress.measured.paces.proof < proof, "the next one goes by what this one took"


# ------------------------------------------------------------------ on a real server


@pytest.fixture
async def newest() -> AsyncIterator[Family]:
    """These are the same on every version."""
    with TemporaryDirectory(prefix="tocsin-db-") as folder:
        family = Family("postgresql", "18", Path(folder), {"fsync": "off"})
        yield family
        await family.close()


async def test_an_object_that_vanishes_in_mid_restore_is_named(
    newest: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    server = await written(newest)
    archive = Archive(tmp_path / "spool", [folder_store])
    archive.start(server)
    await CLIENT.write(server, 1)
    await archive.covers(folder_store, system.now())
    await archive.stop()
    source = Source(folder_store, KEYS, "shop")
    plan, _ = await source.plan(None)
    await folder_store.delete(plan.parts[1])
    with pytest.raises(RestoreRefused, match="part-00001 is gone from replica 1"):
        await source.get(plan.parts[1])


async def test_a_moment_after_the_last_commit_is_reached_by_the_end_of_the_log(
    newest: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    server = await written(newest)
    archive = Archive(tmp_path / "spool", [folder_store], replace(QUICK, canary_seconds=3600.0))
    archive.start(server)
    await CLIENT.write(server, 1)
    await archive.covers(folder_store, system.now())
    quiet = system.now()
    await archive.covers(folder_store, quiet)
    server.kill()
    await archive.stop()
    b = newest.servers["b"]
    done = await Restore(Source(folder_store, KEYS, "shop"), b.place, "18").run(quiet)
    assert done.moment == quiet
    newest.give("b")
    await b.start()
    assert await CLIENT.numbers(b) == {1}


async def test_a_disk_that_is_too_small_is_refused_before_the_first_byte(
    newest: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    server = await written(newest)
    archive = Archive(tmp_path / "spool", [folder_store])
    archive.start(server)
    await CLIENT.write(server, 1)
    await archive.covers(folder_store, system.now())
    await archive.stop()
    b = newest.servers["b"]
    with small_disk(b.folder, 100):
        restore = Restore(Source(folder_store, KEYS, "shop"), b.place, "18")
        with pytest.raises(EngineFailed, match=r"the restored data need \d+ MiB, \d+ MiB are free"):
            await restore.run()
        assert restore.progress.done == 0


async def test_a_full_spool_holds_the_log_back_and_loses_nothing(
    newest: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    server = await written(newest)
    with small_disk(tmp_path / "spool", 64) as spool:
        archive = Archive(spool, [folder_store])
        archive.start(server)
        await archive.covers(folder_store, system.now())
        filler = fill(spool)
        await CLIENT.write(server, 1)

        def is_told() -> bool:
            assert archive.archiver is not None
            return "no space is left" in archive.archiver.fact().trouble

        await until(is_told)
        filler.unlink()
        await CLIENT.write(server, 2)
        seen = await archive.covers(folder_store, system.now())
        assert seen.missing == ()
        await archive.stop()


async def test_old_backups_leave_the_spool_and_the_store_and_the_rest_stays_whole(
    newest: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    server = await written(newest)
    policy = RetentionPolicy(backups=2, days=0)
    plan = replace(QUICK, kept=policy, retention_seconds=0.3, base_every=timedelta(seconds=2))
    archive = Archive(tmp_path / "spool", [folder_store], plan)
    archive.start(server)
    await archive.covers(folder_store, system.now())
    first = coverage(await folder_store.list("shop/")).backups[0].name

    async def is_gone() -> bool:
        await CLIENT.write(server, int(system.monotonic() * 1000) % 2**31)
        backups = coverage(await folder_store.list("shop/")).backups
        return bool(backups) and first not in [each.name for each in backups]

    await until(is_gone)
    await asyncio.sleep(1)
    assert archive.archiver is not None
    spooled = coverage(await DirectoryStore("spool", tmp_path / "spool").list("shop/"))
    stored = coverage(await folder_store.list("shop/"))
    assert len(spooled.backups) < len(stored.backups) <= 4
    assert stored.newest is not None
    assert spooled.moment is not None
    await archive.stop()


async def test_tablespaces_are_refused(newest: Family, tmp_path: Path) -> None:
    server = await written(newest)
    spool = Spool(DirectoryStore("spool", tmp_path), "shop", KEYS)
    outside = server.folder / "outside"
    outside.mkdir(mode=0o700)
    with contextlib.suppress(EngineAway):  # it is made, and its session expects rows
        await server.engine._session.rows(  # type: ignore[attr-defined]
            f"CREATE TABLESPACE more LOCATION '{outside}'"
        )
    backup = BaseBackup(primary_of(server).replication, spool, "18", fast=True)
    with pytest.raises(EngineFailed, match="tablespaces outside of the data"):
        await backup.take()
    assert coverage(spool.objects.values()).backups == ()


async def test_a_server_that_stops_in_order_is_not_held_up_and_its_last_bytes_come(
    newest: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    server = await written(newest)
    slow = replace(QUICK, cutting=Cutting(seconds=60.0), canary_seconds=3600.0)
    archive = Archive(tmp_path / "spool", [folder_store], slow)
    archive.start(server)
    await until(lambda: archive.archiver and archive.archiver.fact().state == "streaming")
    await until(lambda: archive.archiver and archive.archiver.fact().position)
    await asyncio.sleep(1)
    await CLIENT.write(server, 1)
    began = system.monotonic()
    await server.stop()
    assert system.monotonic() - began < 8
    ended = await server.engine.ended_at()
    assert ended is not None

    async def has_it() -> bool:
        names = [parse(each.name) for each in await folder_store.list("shop/")]
        return any(isinstance(each, Chunk) and each.stop > ended for each in names)

    await until(has_it)
    await archive.stop()


async def test_a_log_goes_on_while_its_server_answers_no_questions(
    newest: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    """As one does that is stopping: its last bytes come all the same."""
    server = await written(newest)
    archive = Archive(tmp_path / "spool", [folder_store], replace(QUICK, canary_seconds=3600.0))
    archive.start(server)
    await archive.covers(folder_store, system.now())
    hba = next(server.folder.rglob("*hba*"))
    hba.write_text(f"host postgres {Login.REPLICATION} all reject\n{hba.read_text()}")
    session = server.engine._session  # type: ignore[attr-defined]
    await session.rows("SELECT pg_reload_conf()")
    await session.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'tocsin_archive' AND backend_type = 'client backend'"
    )

    def is_told() -> bool:
        assert archive.archiver is not None
        fact = archive.archiver.fact()
        return fact.state == "streaming" and "no newer moment is proven" in fact.trouble

    await until(is_told)
    await CLIENT.write(server, 1)
    position = (await server.look()).position

    async def has_it() -> bool:
        names = [parse(each.name) for each in await folder_store.list("shop/")]
        return any(isinstance(each, Chunk) and each.stop >= position for each in names)

    await until(has_it)
    await archive.stop()


async def test_an_archive_ends_at_once_while_its_server_hangs(
    newest: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    server = await written(newest)
    archive = Archive(tmp_path / "spool", [folder_store], replace(QUICK, canary_seconds=3600.0))
    archive.start(server)
    await archive.covers(folder_store, system.now())
    server.pause()
    try:
        await asyncio.sleep(1)  # it waits for an answer by now
        began = system.monotonic()
        await archive.stop()
        assert system.monotonic() - began < 4
    finally:
        server.go_on()


async def test_a_canary_that_is_cancelled_in_its_commit_leaves_no_connection(
    newest: Family,
) -> None:
    server = await written(newest)
    session = server.engine._session  # type: ignore[attr-defined]
    with contextlib.suppress(EngineAway):  # it is done, and its session expects rows
        await session.rows("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await session.rows("SELECT pg_reload_conf()")

    async def count(event: str) -> int:
        row = await session.row(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE usename = %s AND wait_event LIKE %s",
            [Login.PROBE.value, event],
        )
        return int(row["n"])

    singing = asyncio.create_task(canary.sing(primary_of(server).probe, system.now()))
    await until(lambda: count("SyncRep"))
    singing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await singing
    gc.collect()  # an open one is told here

    async def is_gone() -> bool:
        return not await count("%")

    await until(is_gone)


async def test_a_base_that_has_no_room_is_not_begun_until_there_is_some(
    newest: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    server = await written(newest)
    with small_disk(tmp_path / "spool", 32) as spool:
        archive = Archive(spool, [folder_store])
        archive.start(server)

        def is_told() -> bool:
            assert archive.archiver is not None
            return "No base backup of shop is begun: it needs about" in (
                archive.archiver.fact().trouble
            )

        await until(is_told)
        assert archive.archiver is not None
        assert not [name for name in archive.archiver.spool.objects if "/base/" in name]
        size = ["mount", "-o", "remount,size=200m", str(spool)]
        assert await (await asyncio.create_subprocess_exec(*size)).wait() == 0
        await archive.covers(folder_store, system.now())
        await archive.stop()


async def test_pieces_that_a_killed_process_left_go_when_the_next_begins(
    tmp_path: Path, folder_store: DirectoryStore
) -> None:
    (tmp_path / "spool").mkdir()
    left = Spool(DirectoryStore("spool", tmp_path / "spool"), "shop", KEYS)
    name = base(0, 3 * SEGMENT)
    await left.put(str(name.part(0)), b"x")
    spool = Spool(DirectoryStore("spool", tmp_path / "spool"), "shop", KEYS)
    await OnlyKeeping("a", spool, [folder_store], QUICK)._open()
    assert spool.objects == {}
    assert await spool.store.list() == []
