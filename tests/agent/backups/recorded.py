"""A primary that wrote, was archived and is gone: told once, and given to each test as a copy."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.core.ports import ObjectStore
from tests.adapters.databases.servers import Family
from tests.agent.backups.fields import Archive, Ledger, written
from tests.support.waiting import until


@dataclass
class Archived:
    """`moment`: what the stores' names promise."""

    family: Family
    ledger: Ledger
    moment: datetime


Recorded = Callable[[Family, DirectoryStore], Archived]


async def archived(family: Family, folder: Path, *stores: ObjectStore) -> Archived:
    server = await written(family)
    archive = Archive(folder / "spool", stores)
    archive.start(server)
    ledger = Ledger(server, payload=100)
    ledger.start()
    await until(lambda: ledger.acknowledged)
    for store in stores:
        await archive.covers(store, ledger.last)
    await asyncio.sleep(1)
    moments = []
    for store in stores:
        seen = await archive.covers(store, ledger.last)
        assert seen.moment is not None
        moments.append(seen.moment)
    server.kill()
    await ledger.ended()
    await archive.stop()
    return Archived(family, ledger, min(moments))


async def _scene(version: str, folder: Path) -> Archived:
    with TemporaryDirectory(prefix="tocsin-db-") as home:
        family = Family("postgresql", version, Path(home), {"fsync": "off"})
        try:
            return await archived(family, folder, DirectoryStore("store", folder / "store"))
        finally:
            await family.close()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The scene of a family's version, in an empty store."""
    scenes: dict[str, tuple[Archived, Path]] = {}

    def give(family: Family, store: DirectoryStore) -> Archived:
        if family.version not in scenes:
            folder = tmp_path_factory.mktemp(f"scene-{family.version}")
            (folder / "store").mkdir()
            # In a thread, for this one has its test's loop.
            scenes[family.version] = (_in_thread(family.version, folder), folder)
        scene, folder = scenes[family.version]
        shutil.copytree(folder / "store", store.folder, dirs_exist_ok=True)
        return replace(scene, family=family)

    return give


def _in_thread(version: str, folder: Path) -> Archived:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(_scene(version, folder))).result()
