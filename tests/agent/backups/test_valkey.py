"""Valkey and Redis: a snapshot of one instant under writes, and back again."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.sealing import Keys
from recovery.agent.backups.carry import Carrier
from recovery.agent.backups.fetch import RestoreRefused, Source
from recovery.agent.backups.restore_valkey import RestoreValkey, check_same
from recovery.agent.backups.snapshot import Snapshot
from recovery.agent.backups.spool import Spool
from recovery.core.archive import coverage
from recovery.core.ports import EngineAway, EngineFailed, ObjectStore
from tests.adapters.backups.conftest import KEYS, OTHER_KEYS
from tests.adapters.databases.clients import ValkeyClient
from tests.adapters.databases.servers import SECRET, Family, Server
from tests.needs import needs
from tests.support.waiting import until

CLIENT = ValkeyClient()


@pytest.fixture(params=["9", "7"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """A primary, and b's place beside it."""
    if request.param == "7":
        needs("redis-server")
    with TemporaryDirectory(prefix="tocsin-db-") as folder:
        family = Family("valkey", request.param, Path(folder), {})
        a = family.servers["a"]
        await a.engine.make(a.spec)
        await a.start()
        a.family = family  # type: ignore[attr-defined]
        yield a
        await family.close()


def snapshot_of(server: Server, folder: Path) -> tuple[Snapshot, Spool]:
    folder.mkdir(exist_ok=True)
    spool = Spool(DirectoryStore("spool", folder), "shop", KEYS)
    address = ("127.0.0.1", server.spec.port)
    version = server.spec.version
    return Snapshot(address, SECRET, spool, database="d", version=version), spool


async def carried(spool: Spool, store: ObjectStore) -> None:
    carrying = asyncio.create_task(Carrier(spool, store).run())

    async def has_all() -> bool:
        return {each.name for each in await store.list("shop/")} >= set(spool.objects)

    await until(has_all)
    carrying.cancel()


def restore_of(server: Server, store: ObjectStore, keys: Keys = KEYS) -> RestoreValkey:
    family: Family = server.family  # type: ignore[attr-defined]
    b = family.servers["b"]
    return RestoreValkey(Source(store, keys, "shop"), b.folder, server.spec.version)


async def test_what_was_acknowledged_before_a_snapshot_comes_back_from_either_store(
    server: Server, tmp_path: Path, folder_store: DirectoryStore, bucket_store: ObjectStore
) -> None:
    family: Family = server.family  # type: ignore[attr-defined]
    done = list(range(1, 200))
    for number in done:
        await CLIENT.write(server, number)
    snapshot, spool = snapshot_of(server, tmp_path / "spool")

    async def go_on() -> None:
        number = 1000
        while True:
            await CLIENT.write(server, number)
            number += 1

    writing = asyncio.create_task(go_on())
    name = await snapshot.take()
    writing.cancel()
    for store in (folder_store, bucket_store):
        await carried(spool, store)
        seen = coverage(await store.list("shop/"))
        assert seen.moment == name.moment
        restored = await restore_of(server, store).run()
        assert restored.moment == name.moment
        assert restored.canary is not None
        assert restored.moment >= restored.canary
        family.give("b")
        b = family.servers["b"]
        await b.start()
        assert set(done) <= await CLIENT.numbers(b)
        b.kill()
    assert len(list((family.servers["b"].folder / "kept").iterdir())) == 1


async def test_a_large_value_takes_several_pieces(
    server: Server, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    import os

    value = os.urandom(1 << 20)
    async with CLIENT.connect(server) as client:
        for number in range(20):
            await client.set(f"large:{number}", value + bytes([number]))
    snapshot, spool = snapshot_of(server, tmp_path / "spool")
    name = await snapshot.take()
    assert name.parts == 3
    await carried(spool, folder_store)
    assert (await restore_of(server, folder_store).run()).size > 20 << 20


@pytest.mark.parametrize("server", ["9"], indirect=True)
async def test_keys_that_end_while_they_are_brought_back_keep_nothing_from_coming_back(
    server: Server, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    """One of them ends every few milliseconds, whenever the restore looks."""
    await CLIENT.write(server, 1)
    async with CLIENT.connect(server) as client:
        for number in range(2000):
            await client.set(f"session:{number}", "x", px=100 + 2 * number)
    snapshot, spool = snapshot_of(server, tmp_path / "spool")
    await snapshot.take()
    await carried(spool, folder_store)
    await restore_of(server, folder_store).run()
    family: Family = server.family  # type: ignore[attr-defined]
    family.give("b")
    b = family.servers["b"]
    await b.start()
    assert await CLIENT.numbers(b) == {1}


def test_keys_that_stay_are_missed_and_keys_from_nowhere_are_told() -> None:
    loaded = {"db0": {"keys": 9, "expires": 2}, "db3": {"keys": 4, "keys_with_volatile_items": 1}}
    for left in (13, 10):
        check_same(loaded, {"db0": {"keys": left}})
    for left in (14, 9):
        with pytest.raises(EngineFailed, match=f"13 keys were restored, {left} came back"):
            check_same(loaded, {"db0": {"keys": left}})


async def test_what_cannot_be_restored_is_refused_with_its_reason_and_leaves_nothing(
    server: Server, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    family: Family = server.family  # type: ignore[attr-defined]
    with pytest.raises(RestoreRefused, match="there is no backup"):
        await restore_of(server, folder_store).run()
    snapshot, spool = snapshot_of(server, tmp_path / "spool")
    await CLIENT.write(server, 1)
    name = await snapshot.take()
    await carried(spool, folder_store)
    with pytest.raises(RestoreRefused, match="sealed with another key"):
        await restore_of(server, folder_store, OTHER_KEYS).run()
    other = "7" if server.spec.version == "9" else "9"
    b = family.servers["b"].folder
    with pytest.raises(RestoreRefused, match=f"and {other} was asked for"):
        await RestoreValkey(Source(folder_store, KEYS, "shop"), b, other).run()
    path = folder_store.folder / str(name.part(0))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(RestoreRefused, match="altered"):
        await restore_of(server, folder_store).run()
    assert [each.name for each in b.iterdir() if each.name != "act.lock"] == []


async def test_a_server_that_is_gone_leaves_no_backup(server: Server, tmp_path: Path) -> None:
    snapshot, spool = snapshot_of(server, tmp_path / "spool")
    server.kill()
    with pytest.raises(EngineAway):
        await snapshot.take()
    assert coverage(spool.objects.values()).backups == ()


async def test_a_canary_that_is_cancelled_at_any_moment_leaves_no_connection(
    server: Server, tmp_path: Path
) -> None:
    snapshot, _ = snapshot_of(server, tmp_path / "spool")
    for step in range(120):
        singing = asyncio.create_task(snapshot.sing())
        await asyncio.sleep(step / 10_000)
        singing.cancel()
        await asyncio.wait({singing})
    del singing
    gc.collect()  # an open one is told here
