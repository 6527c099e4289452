"""Stores that are killed, hang, are full, lack their bucket or do not know us: a clear error, and
nothing half under a name."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.s3 import S3Store
from recovery.core.clock import system
from recovery.core.ports import ObjectStore, StoreAway, StoreError, StoreFull, StoreRefused
from tests.adapters.databases.disks import fill, small_disk
from tests.support.seaweed import KEYS, Seaweed
from tests.support.waiting import until

MEBIBYTE = 1 << 20


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Seaweed]:
    """A service that may come to harm."""
    service = Seaweed(tmp_path / "weed")
    service.start()
    service.make("backups")
    try:
        yield service
    finally:
        service.kill()


async def all_whole(store: ObjectStore, sizes: set[int]) -> int:
    """Every object of the listing is as long as one that was put; gives their number. A service
    that has just begun lists what it cannot give out yet: it is away for a while longer."""
    seen = await store.list()
    assert {each.size for each in seen} <= sizes

    async def is_whole(name: str, size: int) -> bool:
        try:
            return len(await store.get(name)) == size
        except StoreAway:
            return False

    for each in seen:
        await until(partial(is_whole, each.name, each.size))
    return len(seen)


# ------------------------------------------------------------------ a bucket


async def test_a_service_that_is_killed_in_mid_upload_keeps_what_it_took(own: Seaweed) -> None:
    store = S3Store("replica 1", own.bucket("backups"), patience=5)
    data = os.urandom(4 * MEBIBYTE)
    taken: list[str] = []

    async def put(number: int) -> None:
        await store.put(f"shop/{number:05d}", data)
        taken.append(f"shop/{number:05d}")

    running = [asyncio.ensure_future(put(number)) for number in range(40)]
    await until(lambda: len(taken) > 5)
    own.kill()
    ended = await asyncio.gather(*running, return_exceptions=True)
    errors = [each for each in ended if each is not None]
    assert errors
    assert all(isinstance(each, StoreAway) for each in errors)
    own.start()
    assert await all_whole(store, {len(data)}) >= len(taken)
    assert set(taken) <= {each.name for each in await store.list()}
    await put(999)
    await store.close()


async def test_a_service_that_hangs_is_away_in_time_and_serves_again(own: Seaweed) -> None:
    patient = S3Store("replica 1", own.bucket("backups"), patience=20)
    await patient.put("shop/1", b"x")  # the first object makes a volume, which may take its time
    await patient.close()
    store = S3Store("replica 1", own.bucket("backups"), patience=1.5)
    own.pause()
    began = system.monotonic()
    for act in (store.put("shop/2", b"y"), store.get("shop/1"), store.list()):
        with pytest.raises(StoreAway, match="no answer in"):
            await act
    assert system.monotonic() - began < 15
    own.go_on()

    async def serves() -> bool:
        try:
            await store.put("shop/2", b"y")
            return await all_whole(store, {1}) == 2
        except StoreAway:  # it first works off what had come to it
            return False

    await until(serves)
    await store.close()


async def test_a_full_service_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 90) as folder:
        service = Seaweed(folder)
        service.start()
        service.make("backups")
        store = S3Store("replica 1", service.bucket("backups"), patience=10)
        data = os.urandom(4 * MEBIBYTE)
        try:
            with pytest.raises(StoreError, match="full"):  # noqa: PT012
                for number in range(40):
                    await store.put(f"shop/{number:05d}", data)
            assert await all_whole(store, {len(data)}) > 3
        finally:
            service.kill()
            await store.close()


async def test_nobody_listens(tmp_path: Path) -> None:
    nowhere = Seaweed(tmp_path)
    store = S3Store("replica 1", nowhere.bucket("backups"), patience=2)
    with pytest.raises(StoreAway, match="replica 1: cannot be reached"):
        await store.list()


async def test_an_endpoint_that_is_none_names_the_setting(seaweed: Seaweed) -> None:
    from dataclasses import replace

    store = S3Store("replica 1", replace(seaweed.bucket("backups"), endpoint="here"))
    with pytest.raises(StoreRefused) as refused:
        await store.list()
    assert refused.value.field == "endpoint"


@pytest.mark.parametrize(
    "keys", [(KEYS[0], "wrong"), ("nobody", KEYS[1])], ids=["wrong secret", "unknown key"]
)
async def test_wrong_credentials_name_the_setting(seaweed: Seaweed, keys: tuple[str, str]) -> None:
    seaweed.make("backups")
    store = S3Store("replica 1", seaweed.bucket("backups", keys))
    for act in (store.put("shop/1", b"x"), store.get("shop/1"), store.list()):
        with pytest.raises(StoreRefused, match="credentials") as refused:
            await act
        assert refused.value.field == "credentials"
        assert "wrong" not in str(refused.value)


async def test_a_missing_bucket_names_the_setting(seaweed: Seaweed) -> None:
    store = S3Store("replica 1", seaweed.bucket("no-such"))
    for act in (store.put("shop/1", b"x"), store.get("shop/1"), store.list()):
        with pytest.raises(StoreRefused, match="there is no bucket no-such") as refused:
            await act
        assert refused.value.field == "bucket"


async def test_a_locked_object_stays_and_an_unlocked_one_beside_it_goes(seaweed: Seaweed) -> None:
    seaweed.make("locked", lock=True)
    store = S3Store("replica 1", seaweed.bucket("locked"))
    until_later = system.now() + timedelta(hours=1)
    await store.put("shop/locked", b"x", lock_until=until_later)
    await store.put("shop/free", b"x")
    with pytest.raises(StoreRefused, match="locked") as refused:
        await store.delete("shop/locked")
    assert refused.value.field == "lock"
    await store.delete("shop/free")
    assert [each.name for each in await store.list()] == ["shop/locked"]


# ------------------------------------------------------------------ a folder


async def test_a_folder_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    store = DirectoryStore("spool", tmp_path / "absent")
    for act in (store.put("shop/1", b"x"), store.get("shop/1"), store.list()):
        with pytest.raises(StoreRefused, match="is not there") as refused:
            await act
        assert refused.value.field == "folder"
    assert not (tmp_path / "absent").exists()


async def test_a_full_disk_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as folder:
        (folder / "spool").mkdir()
        store = DirectoryStore("spool", folder / "spool")
        await store.put("shop/1", b"x" * MEBIBYTE)
        filler = fill(folder)
        with pytest.raises(StoreFull, match="no space is left"):
            await store.put("shop/2", b"y" * MEBIBYTE)
        assert await all_whole(store, {MEBIBYTE}) == 1
        filler.unlink()
        await store.put("shop/2", b"y" * MEBIBYTE)
        assert await all_whole(store, {MEBIBYTE}) == 2


async def test_a_disk_that_may_not_be_written_names_the_setting(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as folder:
        process = await asyncio.create_subprocess_exec("mount", "-o", "remount,ro", str(folder))
        assert await process.wait() == 0
        with pytest.raises(StoreRefused) as refused:
            await DirectoryStore("spool", folder).put("shop/1", b"x")
        assert refused.value.field == "folder"


_WRITER = """
import asyncio, sys
from pathlib import Path
from recovery.adapters.backups.directory import DirectoryStore
async def main():
    store = DirectoryStore("spool", Path(sys.argv[1]))
    number = 0
    while True:
        await store.put(f"shop/{number:05d}", bytes(1 << 20))
        print(number, flush=True)
        number += 1
asyncio.run(main())
"""


async def test_a_process_killed_in_mid_write_leaves_whole_objects_and_no_litter(
    tmp_path: Path,
) -> None:
    for _ in range(5):
        argv = [sys.executable, "-c", _WRITER, str(tmp_path)]
        writer = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        assert writer.stdout is not None
        for _ in range(6):
            said = await writer.stdout.readline()
        writer.kill()
        await writer.wait()
        store = DirectoryStore("spool", tmp_path)
        assert await all_whole(store, {MEBIBYTE}) > int(said)
    await store.put("shop/last", b"x" * MEBIBYTE)
    assert list((tmp_path / ".partial").iterdir()) == []
