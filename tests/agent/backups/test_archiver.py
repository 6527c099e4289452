"""The log of a real primary under writes: chunks join, moments are proven, nothing is doubled."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

from recovery.adapters.backups.directory import DirectoryStore
from recovery.core.archive import Chunk, parse
from recovery.core.ports import ObjectStore
from tests.adapters.databases.servers import Family
from tests.agent.backups.fields import Archive, Ledger, written


async def chunks_of(store: ObjectStore) -> list[Chunk]:
    """In order, those with bytes."""
    found = [parse(each.name) for each in await store.list("shop/")]
    chunks = [each for each in found if isinstance(each, Chunk) and each.stop > each.start]
    return sorted(chunks, key=lambda each: (each.timeline, *each.order))


async def test_a_primary_under_writes_is_in_both_stores_within_seconds(
    family: Family, tmp_path: Path, folder_store: DirectoryStore, bucket_store: ObjectStore
) -> None:
    server = await written(family)
    archive = Archive(tmp_path / "spool", [folder_store, bucket_store])
    archive.start(server)
    ledger = Ledger(server, payload=400)
    ledger.start()
    await asyncio.sleep(3)
    await ledger.stop()
    for store in (folder_store, bucket_store):
        seen = await archive.covers(store, ledger.last)
        assert seen.missing == ()
        assert seen.newest is not None
        for one, other in pairwise(await chunks_of(store)):
            assert one.stop == other.start
    assert archive.archiver is not None
    fact = archive.archiver.fact()
    assert (fact.state, fact.trouble) == ("streaming", "")
    await archive.stop()
