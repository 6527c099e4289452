"""What every object store keeps to (recovery/core/ports/stores.py)."""

from __future__ import annotations

import asyncio
import os

import pytest

from recovery.core.clock import system
from recovery.core.ports import NoSuchObject, ObjectStore, StoreRefused

NAME = "shop/741234/wal/00000001/0000000003000000-0000000003100000@1795867230000"


async def test_what_was_put_is_got_and_listed(store: ObjectStore) -> None:
    data = os.urandom(3 << 20)
    await store.put(NAME, data)
    assert await store.get(NAME) == data
    (seen,) = await store.list()
    assert (seen.name, seen.size) == (NAME, len(data))
    assert abs((seen.modified - system.now()).total_seconds()) < 60


async def test_an_empty_object_is_one(store: ObjectStore) -> None:
    await store.put("shop/empty", b"")
    assert await store.get("shop/empty") == b""
    assert [each.size for each in await store.list("shop/")] == [0]


async def test_an_empty_store_lists_nothing(store: ObjectStore) -> None:
    assert await store.list() == []
    assert await store.list("shop/") == []


async def test_what_is_not_there_is_said_so(store: ObjectStore) -> None:
    with pytest.raises(NoSuchObject, match="shop/nothing"):
        await store.get("shop/nothing")
    await store.delete("shop/nothing")


async def test_the_same_name_again_leaves_one_object_with_the_newest_data(
    store: ObjectStore,
) -> None:
    await store.put(NAME, b"old")
    await store.put(NAME, b"newer")
    assert await store.get(NAME) == b"newer"
    assert [each.size for each in await store.list()] == [5]


async def test_a_listing_is_of_a_prefix_and_in_order(store: ObjectStore) -> None:
    names = [f"shop/1/wal/{number:08X}/x" for number in (3, 1, 2)]
    for name in [*names, "shop/10/wal/x", "shopping/1", "other/1"]:
        await store.put(name, b"x")
    assert [each.name for each in await store.list("shop/1/")] == sorted(names)
    assert len(await store.list("shop/1")) == 4
    assert len(await store.list("shop")) == 5


async def test_a_listing_of_more_than_a_page_is_whole(store: ObjectStore) -> None:
    names = [f"many/{number:05d}" for number in range(1100)]
    turn = asyncio.Semaphore(16)

    async def put(name: str) -> None:
        async with turn:
            await store.put(name, b"")

    await asyncio.gather(*[put(name) for name in names])
    assert [each.name for each in await store.list("many/")] == names


async def test_what_was_deleted_is_gone_and_its_neighbours_stay(store: ObjectStore) -> None:
    for name in ("shop/1/a", "shop/1/b", "shop/2/a"):
        await store.put(name, b"x")
    await store.delete("shop/1/a")
    await store.delete("shop/2/a")
    assert [each.name for each in await store.list()] == ["shop/1/b"]
    with pytest.raises(NoSuchObject):
        await store.get("shop/1/a")


async def test_many_at_once_come_whole(store: ObjectStore) -> None:
    pieces = {f"shop/part-{number:05d}": os.urandom(1 << 20) for number in range(12)}
    await asyncio.gather(*[store.put(name, data) for name, data in pieces.items()])
    found = await asyncio.gather(*[store.get(name) for name in pieces])
    assert found == list(pieces.values())


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../up", "shop/../../up", "shop//x", ".hidden", "a b", "x" * 600]
)
async def test_a_name_that_could_leave_the_store_is_refused(store: ObjectStore, name: str) -> None:
    with pytest.raises(StoreRefused, match="no name of an object"):
        await store.put(name, b"x")


def test_it_says_what_it_is_without_a_secret(store: ObjectStore) -> None:
    assert store.describe()
    assert "secret" not in store.describe()
