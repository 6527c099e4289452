"""From the spool to one store, again and again, until it has everything.

Invariants: what the store has is read from its own listing, never remembered across lives; a
manifest is carried after all its pieces, so that a store never names a backup that it has not; the
log goes in order and beside everything else. A store that is away delays nobody but itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from recovery.agent.backups.spool import Spool
from recovery.core.archive import Chunk, History, ManifestName, Part, parse
from recovery.core.clock import system
from recovery.core.ports import NoSuchObject, ObjectStore, StoreError

_log = logging.getLogger("tocsin.agent.backups")
AT_ONCE = 3
LOOK = 5.0
AGAIN = 600.0
"""Seconds until a store is listed again: what somebody removed there is carried once more."""
FIRST, LONGEST = 0.5, 10.0
"""Seconds until a store that failed is tried again."""


class Carrier:
    """`lock`: how long the store is asked to keep an object whatever happens."""

    def __init__(self, spool: Spool, store: ObjectStore, lock: timedelta | None = None) -> None:
        self._spool, self.store, self._lock = spool, store, lock
        self.has: set[str] = set()
        self.is_listed = False
        self.tried = asyncio.Event()
        """Set once the store was asked what it has, whether it answered or not."""
        self.trouble = ""
        self.newest: datetime | None = None
        """When the newest object came here."""
        self.speed = 0.0
        """Bytes a second of the last one, the times that it was refused included."""

    async def run(self) -> None:
        """Never returns."""
        await self._patiently(self._list)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forever(self.log_to_carry))
            group.create_task(self._forever(self.backups_to_carry))
            group.create_task(self._list_again())

    @property
    def missing(self) -> list[str]:
        """What the spool has and this store has not yet."""
        return [name for name in self._spool.objects if name not in self.has]

    def log_to_carry(self) -> list[str]:
        """The next piece of the log; where a timeline begins is told before its bytes."""
        found = [each for name in self.missing if isinstance(each := parse(name), Chunk | History)]
        keys = {
            str(each): (each.timeline, 1, *each.order)
            if isinstance(each, Chunk)
            else (each.timeline, 0)
            for each in found
        }
        return sorted(keys, key=lambda name: keys[name])[:1]

    def backups_to_carry(self) -> list[str]:
        """Pieces; then the manifests whose pieces are all there."""
        found = [parse(name) for name in self.missing]
        parts = sorted(str(each) for each in found if isinstance(each, Part))
        if parts:
            return parts[:AT_ONCE]
        manifests = [each for each in found if isinstance(each, ManifestName)]
        return [str(each) for each in manifests if self._has_parts(each)][:1]

    def _has_parts(self, name: ManifestName) -> bool:
        return all(str(name.part(number)) in self.has for number in range(name.parts))

    async def _forever(self, pick: Callable[[], list[str]]) -> None:
        while True:
            names = pick()
            if names:
                await asyncio.gather(*(self._carry(name) for name in names))
            else:
                await self._spool.news(LOOK)

    async def _carry(self, name: str) -> None:
        try:
            data = await self._spool.store.get(name)
        except NoSuchObject:
            self._spool.objects.pop(name, None)
            return
        except StoreError as error:
            self.trouble = str(error)
            await asyncio.sleep(FIRST)
            return
        until = system.now() + self._lock if self._lock else None
        began = system.monotonic()
        await self._patiently(lambda: self.store.put(name, data, lock_until=until))
        self.speed = len(data) / max(system.monotonic() - began, 1e-3)
        self.has.add(name)
        self.newest = system.now()
        self._spool.tell()

    async def _list_again(self) -> None:
        while True:
            await asyncio.sleep(AGAIN)
            await self._patiently(self._list)

    async def look(self) -> bool:
        """Reads anew what it has; whether it answered."""
        try:
            await self._list()
        except StoreError as error:
            self.trouble = str(error)
            return False
        return True

    async def _list(self) -> None:
        seen = await self.store.list(f"{self._spool.database}/")
        self.has = {each.name for each in seen}
        self.newest = max((each.modified for each in seen), default=None)
        self.is_listed = True

    async def _patiently(self, act: Callable[[], Awaitable[None]]) -> None:
        """Until the store has done it."""
        pause = FIRST
        while True:
            try:
                await act()
            except StoreError as error:
                self.trouble = str(error)
                _log.warning("%s", error)
                await asyncio.sleep(pause)
                pause = min(LONGEST, 2 * pause)
            else:
                self.trouble = ""
                return
            finally:
                self.tried.set()
