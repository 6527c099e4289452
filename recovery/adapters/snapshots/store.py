"""The newest snapshot of a database as an object store that is only read.

A snapshot's bytes are read from a volume that was made from it (by whoever keeps the snapshots) and
appears in the folder `mounts` under its id, as a disk that was attached.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from recovery.adapters.backups.directory import DirectoryStore
from recovery.core.ports import NoSuchObject, ObjectInfo, StoreAway, StoreRefused
from recovery.core.ports.snapshots import SnapshotProvider

DATABASE_TAG = "tocsin-database"


class SnapshotStore:
    """Of every database that has a snapshot at this provider's site."""

    def __init__(
        self, name: str, provider: SnapshotProvider, mounts: Path, *, patience: float = 10.0
    ) -> None:
        self.name, self._provider = name, provider
        self._mounts, self._patience = mounts, patience

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
        volume = await asyncio.to_thread(self._newest, database)
        if volume is None:
            return None
        return DirectoryStore(self.name, self._mounts / volume, patience=self._patience)

    def _newest(self, database: str) -> str | None:
        """The volume of its newest completed snapshot that has one."""
        found = self._provider.find({DATABASE_TAG: database})
        whole = [each for each in found if each.state == "completed"]
        for snapshot in whole:
            for volume in self._provider.volumes(snapshot.id):
                if volume.is_ready:
                    return volume.id
        if whole:
            raise StoreAway(f"{self.name}: no volume was made of {whole[0].id} yet.")
        return None
