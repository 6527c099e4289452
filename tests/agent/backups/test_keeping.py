"""What the backups of every engine share: files of keys, locks, daily snapshots."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import pytest
from msgspec import structs

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.s3 import S3Store
from recovery.agent.backups.daily import Daily, Source
from recovery.agent.backups.keeper import _differs, _Running
from recovery.agent.backups.spool import Spool
from recovery.agent.backups.stores import credentials_of, keys_for, store_for
from recovery.core import wire
from recovery.core.archive import RetentionPolicy, coverage
from recovery.core.clock import system
from recovery.core.errors import BadConfiguration
from recovery.core.ports import EngineFailed
from recovery.core.wire.backups import BackupSpec, StoreSpec
from tests.adapters.backups.conftest import KEYS, key_line
from tests.adapters.databases.clients import ValkeyClient
from tests.adapters.databases.servers import SECRET, Family
from tests.agent.backups.fields import QUICK, OnlyKeeping
from tests.support.seaweed import KEYS as BUCKET_KEYS
from tests.support.seaweed import Seaweed
from tests.support.waiting import until


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


# ------------------------------------------------------------------ files of this host


def test_a_list_names_a_key_that_the_host_has(tmp_path: Path) -> None:
    private(tmp_path / "keys", key_line("k2", b"2" * 32) + key_line("k1", b"1" * 32))
    assert keys_for(tmp_path, "k1").current == "k1"
    with pytest.raises(BadConfiguration, match="has no key 'k3'"):
        keys_for(tmp_path, "k3")


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("one KEY SECRET\n", 0o644, "Others may read credentials"),
        ("two KEY SECRET\n", 0o600, "no line for 'one'"),
        ("one KEY\n", 0o600, "no line for 'one'"),
    ],
)
def test_credentials_that_cannot_be_used_are_refused(
    tmp_path: Path, text: str, mode: int, words: str
) -> None:
    path = private(tmp_path / "credentials", text, mode)
    with pytest.raises(BadConfiguration, match=words) as refused:
        credentials_of(path, "one")
    assert refused.value.field == "credentials"
    assert "SECRET" not in str(refused.value)


def test_credentials_that_are_not_there_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="cannot be read"):
        credentials_of(tmp_path / "credentials", "one")


async def test_stores_are_made_as_a_list_names_them(tmp_path: Path, seaweed: Seaweed) -> None:
    seaweed.make("backups")
    private(tmp_path / "credentials", f"one {BUCKET_KEYS[0]} {BUCKET_KEYS[1]}\n")
    folder = store_for(StoreSpec(name="r1", kind="folder", folder=str(tmp_path)), tmp_path)
    assert isinstance(folder, DirectoryStore)
    spec = StoreSpec(
        name="r2", kind="bucket", endpoint=seaweed.endpoint, bucket="backups", credentials="one"
    )
    bucket = store_for(spec, tmp_path)
    assert bucket.describe() == f"bucket backups at {seaweed.endpoint}"
    await bucket.close()


# ------------------------------------------------------------------ retention and locks


async def test_what_is_locked_stays_until_its_lock_ends_and_stops_nothing(
    tmp_path: Path, seaweed: Seaweed
) -> None:
    seaweed.make("locked", lock=True)
    store = S3Store("replica 1", seaweed.bucket("locked"))
    database = f"locks-{tmp_path.name[-6:].strip('_').lower().replace('_', '-')}"
    spool = Spool(DirectoryStore("spool", tmp_path), database, KEYS)
    policy = RetentionPolicy(orphans=timedelta(0))
    plan = replace(QUICK, kept=policy, spool=policy, lock=timedelta(hours=1))
    keeping = OnlyKeeping("a", spool, [store], plan)
    locked = f"{database}/1/base/20261128T182311Z-5f3a/part-00000"
    free = f"{database}/1/base/20261128T182311Z-5f3a/part-00001"
    await spool.put(locked, b"x")
    running = asyncio.create_task(keeping.carriers[0].run())
    await until(lambda: locked in keeping.carriers[0].has)
    running.cancel()
    await store.put(free, b"x")
    await keeping._retention()
    assert [each.name for each in await store.list(f"{database}/")] == [locked]
    assert locked in keeping.carriers[0].has
    assert spool.objects == {}
    await store.close()


async def test_frozen_nothing_is_removed_and_afterwards_it_goes(
    tmp_path: Path, folder_store: DirectoryStore
) -> None:
    spool = Spool(DirectoryStore("spool", tmp_path), "shop", KEYS)
    policy = RetentionPolicy(orphans=timedelta(0))
    keeping = OnlyKeeping("a", spool, [folder_store], replace(QUICK, kept=policy, spool=policy))
    name = "shop/1/base/20261128T182311Z-5f3a/part-00000"
    await spool.put(name, b"x")
    await folder_store.put(name, b"x")
    carrier = keeping.carriers[0]
    carrier.is_listed = True
    carrier.has.add(name)
    keeping.keeps_all = True
    await keeping._retention()
    assert name in spool.objects
    assert [each.name for each in await folder_store.list()] == [name]
    keeping.keeps_all = False
    await keeping._retention()
    assert spool.objects == {}
    assert await folder_store.list() == []


def test_a_list_that_only_freezes_retention_begins_no_backup_anew() -> None:
    plain = BackupSpec(key="k", stores=())
    spec = wire.DatabaseSpec(
        replica="a", database="d", name="shop", engine="postgresql", version="18", role="primary",
        epoch=1, port=5432, secret="s", members=(), backup=plain,
    )  # fmt: skip
    frozen = structs.replace(spec, backup=structs.replace(plain, keeps_all=True))
    assert not _differs(frozen, spec)
    assert _differs(structs.replace(spec, port=5433), spec)
    keeping = OnlyKeeping.__new__(OnlyKeeping)
    keeping.keeps_all = False
    running = _Running(spec, task=cast("asyncio.Task[None]", None), keeping=keeping)
    running.heed(frozen)
    assert keeping.keeps_all
    running.heed(spec)
    assert not keeping.keeps_all


async def test_a_store_that_is_gone_keeps_no_other_from_its_retention(
    tmp_path: Path, folder_store: DirectoryStore
) -> None:
    spool = Spool(DirectoryStore("spool", tmp_path), "shop", KEYS)
    gone = DirectoryStore("replica 1", tmp_path / "nowhere")
    plan = replace(QUICK, kept=RetentionPolicy(orphans=timedelta(0)))
    keeping = OnlyKeeping("a", spool, [gone, folder_store], plan)
    await folder_store.put("shop/1/base/20261128T182311Z-5f3a/part-00000", b"x")
    for carrier in keeping.carriers:
        carrier.is_listed = True
    assert not await keeping._tried("retention", keeping._retention)
    assert "replica 1" in keeping.fact().trouble
    assert await folder_store.list() == []


# ------------------------------------------------------------------ trouble


async def test_what_fails_is_tried_again_and_told_until_it_succeeds(tmp_path: Path) -> None:
    spool = Spool(DirectoryStore("spool", tmp_path), "shop", KEYS)
    keeping = OnlyKeeping("a", spool, [], replace(QUICK, retry_seconds=0.01))
    told: list[str] = []

    async def act() -> None:
        told.append(keeping.fact().trouble)
        if len(told) < 3:
            raise ExceptionGroup("of a group", [EngineFailed("not yet")])

    await keeping.until_done("act", act)
    assert told == ["", "not yet", "not yet"]
    assert keeping.fact().trouble == ""


async def test_who_is_told_to_end_ends_whatever_its_work_makes_of_it(tmp_path: Path) -> None:
    """A group of tasks that is cancelled while one of them fails tells the error alone."""
    spool = Spool(DirectoryStore("spool", tmp_path), "shop", KEYS)
    keeping = OnlyKeeping("a", spool, [], QUICK)
    begun = asyncio.Event()

    async def act() -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError as error:
            raise EngineFailed("the spool is full") from error

    running = asyncio.create_task(keeping.every("act", 0.01, act))
    await begun.wait()
    running.cancel()
    await asyncio.wait({running}, timeout=10)
    assert running.cancelled()


async def test_a_backup_that_fails_is_begun_again_later_and_later(tmp_path: Path) -> None:
    spool = Spool(DirectoryStore("spool", tmp_path), "shop", KEYS)
    plan = replace(QUICK, again_seconds=0.2, longest_seconds=0.8, look_seconds=0.01)
    keeping, begun = OnlyKeeping("a", spool, [], plan), list[float]()

    async def act() -> bool:
        begun.append(system.monotonic())
        if len(begun) < 5:
            raise EngineFailed("not yet")
        return len(begun) == 5

    running = asyncio.create_task(keeping.backups("base", act))
    await until(lambda: len(begun) > 4)
    waited = [later - earlier for earlier, later in pairwise(begun[:5])]
    wanted = (0.2, 0.4, 0.8, 0.8)
    assert all(was >= 0.75 * least for was, least in zip(waited, wanted, strict=True))
    await until(lambda: len(begun) > 7)
    assert keeping.fact().trouble == ""
    running.cancel()


# ------------------------------------------------------------------ daily engines


@pytest.fixture
async def source() -> AsyncIterator[Source]:
    """A Valkey with a thing in it."""
    with TemporaryDirectory(prefix="tocsin-db-") as folder:
        family = Family("valkey", "9", Path(folder), {})
        a = family.servers["a"]
        await a.engine.make(a.spec)
        await a.start()
        await ValkeyClient().write(a, 1)
        yield Source("a", "d", "9", ("127.0.0.1", a.spec.port), SECRET)
        await family.close()


async def test_a_daily_engine_has_one_snapshot_a_day_whoever_is_started_again(
    source: Source, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    (tmp_path / "spool").mkdir()

    async def count() -> int:
        return len(coverage(await folder_store.list("shop/")).backups)

    async def life(plan_every: timedelta, wanted: int) -> None:
        spool = Spool(DirectoryStore("spool", tmp_path / "spool"), "shop", KEYS)
        daily = Daily(source, spool, [folder_store], replace(QUICK, base_every=plan_every))
        running = asyncio.create_task(daily.run())

        async def has_them() -> bool:
            return await count() >= wanted and daily.fact().state == "streaming"

        await until(has_them)
        await asyncio.sleep(0.6)
        assert daily.fact().trouble == ""
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    await life(timedelta(days=1), 1)
    await life(timedelta(days=1), 1)
    assert await count() == 1
    await life(timedelta(seconds=0.1), 2)
