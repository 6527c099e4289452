"""A standby takes over, an old primary comes back, a server forgets its log: chains join, or say
where they do not."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.databases.postgresql.replication import Replication
from recovery.agent.backups.fetch import Source
from recovery.agent.backups.restore import Restore
from recovery.core.archive import Chunk, coverage, parse
from recovery.core.clock import system
from tests.adapters.backups.conftest import KEYS
from tests.adapters.databases.servers import Family
from tests.agent.backups.fields import CLIENT, ONCE, Archive, Ledger, primary_of
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)


async def chunks_of(store: DirectoryStore) -> list[Chunk]:
    found = [parse(each.name) for each in await store.list("shop/")]
    return [each for each in found if isinstance(each, Chunk)]


async def test_a_failover_goes_on_with_the_chain_on_the_new_timeline_without_a_new_base(
    family: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    a, b = await family.pair(CLIENT)
    first = Archive(tmp_path / "spool-a", [folder_store])
    first.start(a)
    ledger = Ledger(a, payload=50)
    ledger.start()
    await until(lambda: ledger.acknowledged)
    before = await first.covers(folder_store, ledger.last)
    assert before.newest is not None
    a.kill()
    await ledger.ended()
    await first.stop()
    family.give("b")
    await b.engine.promote(b.spec)
    kept = await CLIENT.numbers(b)
    second = Archive(tmp_path / "spool-b", [folder_store])
    second.start(b)
    more = Ledger(b, first=1_000_000)
    more.start()
    await asyncio.sleep(1.0)
    await more.stop()
    seen = await second.covers(folder_store, more.last)
    assert seen.missing == ()
    assert seen.reach is not None
    assert seen.reach.timeline == 2
    (old,) = [each for each in seen.backups if each.name == before.newest.name]
    assert old.chain.reach == seen.reach
    b.kill()
    await second.stop()

    for name in [str(each.name) for each in seen.backups if each is not old]:
        await folder_store.delete(name)  # from the base of the old primary alone
    c = family.servers["c"]
    done = await Restore(Source(folder_store, KEYS, "shop"), c.place, family.version).run()
    assert done.backup == old.name.backup
    assert done.timeline == 3
    family.give("c")
    await c.start()
    assert kept | set(more.acknowledged) <= await CLIENT.numbers(c)


async def test_an_archive_that_was_behind_gets_the_rest_of_the_old_timeline_from_the_new_primary(
    family: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    a, b = await family.pair(CLIENT)
    first = Archive(tmp_path / "spool-a", [folder_store])
    first.start(a)
    await CLIENT.write(a, 1)
    await first.covers(folder_store, system.now())
    await first.stop()
    ledger = Ledger(a, first=10, payload=30_000)  # more than a segment while nobody archives
    ledger.start()
    await until(lambda: len(ledger.acknowledged) > 6)
    await ledger.stop()
    await b.reaches((await a.look()).position)
    a.kill()
    family.give("b")
    await b.engine.promote(b.spec)
    second = Archive(tmp_path / "spool-b", [folder_store])
    second.start(b)
    await CLIENT.write(b, 2)
    seen = await second.covers(folder_store, system.now(), 90)
    assert all(not each.chain.gap for each in seen.backups)
    assert seen.backups[0].chain.reach.timeline == 2
    await second.stop()


@ONCE
async def test_an_old_primary_is_refused_once_the_archive_follows_another_one(
    family: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    a, b = await family.pair(CLIENT)
    await CLIENT.write(a, 1)
    await b.reaches((await a.look()).position)
    family.give("b")
    await b.engine.promote(b.spec)
    new = Archive(tmp_path / "spool-b", [folder_store])
    new.start(b)
    await CLIENT.write(b, 2)
    await new.covers(folder_store, system.now())
    await new.stop()
    count = len(await folder_store.list())
    old = Archive(tmp_path / "spool-a", [folder_store])
    old.start(a)

    def is_refused() -> bool:
        assert old.archiver is not None
        fact = old.archiver.fact()
        return fact.state == "failed" and "not the primary that the archive follows" in fact.trouble

    await until(is_refused)
    await CLIENT.write(a, 3)
    assert len(await folder_store.list()) == count
    await old.stop()


async def test_a_log_that_the_server_no_longer_has_is_a_gap_and_a_new_base_mends_it(
    family: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    family.settings |= {"wal_keep_size": "0", "max_wal_size": "32MB", "min_wal_size": "32MB"}
    family.give("a")
    a = family.servers["a"]
    await a.engine.make(a.spec)
    await a.start()
    await CLIENT.prepare(a)
    archive = Archive(tmp_path / "spool", [folder_store])
    archive.start(a)
    await CLIENT.write(a, 1)
    await archive.covers(folder_store, system.now())
    await archive.stop()
    async with await Replication.open(primary_of(a).replication) as connection:
        await connection.drop_slot()
    for number in range(3):
        with CLIENT.connect(a) as session:
            session.execute("CREATE TABLE IF NOT EXISTS padding (text text)")
            session.execute(
                "INSERT INTO padding SELECT repeat(md5(n::text), 10) "
                "FROM generate_series(1, 90000) n"
            )
        await CLIENT.write(a, 10 + number)
    archive.start(a)
    await asyncio.sleep(1)
    await CLIENT.write(a, 2)
    seen = await archive.covers(folder_store, system.now())
    assert any("are useless" in each or "is useless" in each for each in seen.missing)
    assert seen.newest is not None
    assert not seen.newest.chain.gap

    def goes_on() -> bool:
        assert archive.archiver is not None
        fact = archive.archiver.fact()
        return (fact.state, fact.trouble) == ("streaming", "")

    await until(goes_on)
    await archive.stop()


@ONCE
async def test_what_is_idle_proves_a_newer_moment_with_a_mark(
    family: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    from dataclasses import replace

    from tests.agent.backups.fields import QUICK

    a = family.servers["a"]
    await a.engine.make(a.spec)
    await a.start()
    archive = Archive(tmp_path / "spool", [folder_store], replace(QUICK, canary_seconds=3600))
    archive.start(a)
    await archive.covers(folder_store, system.now())
    later = system.now()
    seen = await archive.covers(folder_store, later, 30)
    assert seen.moment is not None
    marks = [each for each in await chunks_of(folder_store) if each.start == each.stop]
    assert marks
    for one, other in pairwise(sorted(await chunks_of(folder_store), key=lambda each: each.order)):
        assert one.stop == other.start
    await archive.stop()


@ONCE
async def test_a_deleted_object_is_carried_again(
    family: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    a = family.servers["a"]
    await a.engine.make(a.spec)
    await a.start()
    archive = Archive(tmp_path / "spool", [folder_store])
    archive.start(a)
    await archive.covers(folder_store, system.now())
    gone = (await folder_store.list("shop/"))[0].name
    await folder_store.delete(gone)
    assert archive.archiver is not None
    await archive.archiver.carriers[0]._list()
    await until((folder_store.folder / gone).exists)
    assert coverage(await folder_store.list("shop/")).missing == ()
    await archive.stop()
