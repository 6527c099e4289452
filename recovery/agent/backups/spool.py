"""This host's own copy of its archives: everything is here first, and goes on from here.

Invariant: an object that the spool names is whole on this host's disk, under its final name, and
is sealed; so whoever copies the folder copies an archive.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.sealing import Keys, seal
from recovery.agent.backups.decide import IN_FLIGHT, packs_to
from recovery.core.archive import coverage
from recovery.core.clock import system
from recovery.core.ports import ObjectInfo


class Spool:
    """The objects of one database."""

    def __init__(self, store: DirectoryStore, database: str, keys: Keys) -> None:
        self.store, self.database, self.keys = store, database, keys
        self.objects: dict[str, ObjectInfo] = {}
        self.packed: tuple[int, int] | None = None
        """Bytes of a base backup that was stopped, and what they took here."""
        self._news = asyncio.Event()

    async def open(self) -> None:
        """From the disk: what another process of ours left."""
        self.objects = {each.name: each for each in await self.store.list(f"{self.database}/")}

    @property
    def size(self) -> int:
        return sum(each.size for each in self.objects.values())

    async def put(self, name: str, plain: bytes) -> int:
        """Sealed, under its name; gives its size there."""
        sealed = await asyncio.to_thread(seal, plain, name=name, keys=self.keys)
        await self.store.put(name, sealed)
        self.objects[name] = ObjectInfo(name, len(sealed), system.now())
        self.tell()
        return len(sealed)

    def tell(self) -> None:
        """Whoever waits looks again."""
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, seconds: float) -> None:
        """Returns when something came, or after so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    async def forget(self, name: str) -> None:
        """Off the disk."""
        await self.store.delete(name)
        self.objects.pop(name, None)

    def age(self, names: list[str]) -> timedelta:
        """How long the oldest of these has been here; zero without any."""
        found = (self.objects[each].modified for each in names if each in self.objects)
        oldest = min(found, default=None)
        return system.now() - oldest if oldest else timedelta(0)

    async def room(self) -> int:
        """Bytes of its disk that it may use."""
        return await self.store.room()

    def needs(self, size: int) -> int:
        """Bytes that a base backup of so many would take here: as the one before it packed, or one
        that did not fit; where none was tried yet, what is on its way at once."""
        former = [each for each in coverage(self.objects.values()).backups if each.is_restorable]
        if former:
            return former[-1].bytes
        known = packs_to(size, *self.packed) if self.packed else 0
        return max(known, min(size, IN_FLIGHT))
