"""The newest snapshot of a database as an object store that is only read.

A snapshot's bytes are read from a volume that was made from it (by whoever keeps the snapshots) and
appears in the folder `mounts` under its id, as a disk that was attached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from recovery.adapters.backups.directory import DirectoryStore
from recovery.core.archive import coverage
from recovery.core.ports import NoSuchObject, ObjectInfo, StoreAway, StoreRefused
from recovery.core.ports.snapshots import COPYING, LOAN_TAG, SnapshotProvider

_LOOKED_AT = 3
DATABASE_TAG = "tocsin-database"


class SnapshotStore:
    """Of every database that has a snapshot at this provider's site. What it chose it keeps for
    as long as it is open, so that a restore reads one snapshot to its end."""

    def __init__(
        self, name: str, provider: SnapshotProvider, mounts: Path, *, patience: float = 10.0
    ) -> None:
        self.name, self._provider = name, provider
        self._mounts, self._patience = mounts, patience
        self._chosen: dict[str, DirectoryStore | None] = {}

    async def put(self, name: str, data: bytes, *, lock_until: datetime | None = None) -> None:
        raise StoreRefused(f"{self.name}: a snapshot is the provider's to make.", field="kind")

    async def get(self, name: str) -> bytes:
        store = await self._volume(name)
        if store is None:
            raise NoSuchObject(f"{self.name} has no snapshot with {name}.")
        return await store.get(name)

    async def list(self, prefix: str = "") -> list[ObjectInfo]:
        store = await self._volume(prefix)
        return [] if store is None else await store.list(prefix)

    async def delete(self, name: str) -> None:
        raise StoreRefused(f"{self.name}: a snapshot never changes.", field="kind")

    def describe(self) -> str:
        return f"snapshots in {self._provider.site}"

    async def close(self) -> None:
        """Nothing is held."""

    async def _volume(self, name: str) -> DirectoryStore | None:
        """None: there is no snapshot of this database yet."""
        database = name.partition("/")[0]
        if database not in self._chosen:
            self._chosen[database] = await self._choose(database)
        return self._chosen[database]

    async def _choose(self, database: str) -> DirectoryStore | None:
        """Of the newest snapshot from which something can be restored; else of the newest."""
        newest = None
        for volume in await asyncio.to_thread(self._ready, database):
            store = DirectoryStore(self.name, self._mounts / volume, patience=self._patience)
            if coverage(await store.list(f"{database}/")).moment is not None:
                return store
            newest = newest or store
        return newest

    def _ready(self, database: str) -> Sequence[str]:
        """The volumes of its completed snapshots, the newest first."""
        found = self._provider.find({DATABASE_TAG: database})
        whole = [each.id for each in found if each.state == "completed"]
        volumes = [
            each.id
            for snapshot in whole[:_LOOKED_AT]
            for each in self._provider.volumes(snapshot)
            if each.is_ready and LOAN_TAG not in each.tags
        ]
        if whole and not volumes:
            raise StoreAway(f"{self.name}: the volume of {whole[0]} {COPYING}.")
        return volumes
