"""Pieces come in order, some ahead, in memory that is used again, but never while it is in use."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.sealing import seal
from recovery.agent.backups.fetch import AT_ONCE, Source
from tests.adapters.backups.conftest import KEYS

COUNT = 4 * AT_ONCE


async def kept(folder: Path) -> tuple[Source, dict[str, bytes]]:
    store, dice = DirectoryStore("store", folder), random.Random(1)
    pieces = {f"shop/1/wal/piece-{number:02}": dice.randbytes(50_000) for number in range(COUNT)}
    for name, plain in pieces.items():
        await store.put(name, seal(plain, name=name, keys=KEYS))
    return Source(store, KEYS, "shop"), pieces


async def test_a_piece_stays_what_it_is_until_the_next_is_asked_for(tmp_path: Path) -> None:
    source, pieces = await kept(tmp_path)
    async with contextlib.aclosing(source.each([*pieces])) as found:
        async for name, plain in found:
            await asyncio.sleep(0.01)
            assert plain == pieces.pop(name)
    assert not pieces


async def test_memory_is_used_again_and_given_back(tmp_path: Path) -> None:
    source, pieces = await kept(tmp_path)
    seen = set()
    for _ in range(2):
        async with contextlib.aclosing(source.each([*pieces])) as found:
            async for _, plain in found:
                seen.add(id(plain.obj))
    assert len(seen) <= AT_ONCE + 1
    source.let_go()
    assert source._free == []


async def test_memory_of_whoever_left_in_the_middle_is_not_used_again(tmp_path: Path) -> None:
    """A thread that was left behind may still write into it, or read it."""
    source, pieces = await kept(tmp_path)
    async with contextlib.aclosing(source.each([*pieces])) as found:
        _, first = await anext(found)
    async with contextlib.aclosing(source.each([*pieces])) as found:
        async for _, plain in found:
            assert plain.obj is not first.obj
    assert first == next(iter(pieces.values()))
