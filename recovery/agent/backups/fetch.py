"""What a restore needs out of a store: planned, fetched side by side, opened, compared.

Invariant: bytes that are handed on are those that were sealed under that name. Whatever is wrong
is refused with the object's name, its own trouble, and the newest moment that can be restored
without it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import datetime

from recovery.adapters.backups.sealing import Keys, SealBroken, unseal_with_digest
from recovery.core.archive import (
    Manifest,
    PartFact,
    Refusal,
    RestorePlan,
    coverage,
    decode_manifest,
    highest_timeline,
    plan_restore,
)
from recovery.core.archive.manifest import BadManifest
from recovery.core.clock import system
from recovery.core.ending import end
from recovery.core.errors import Refused
from recovery.core.ports import (
    EngineFailed,
    NoSuchObject,
    ObjectInfo,
    ObjectStore,
    StoreAway,
)

AT_ONCE = 4
HOST = "host:"
"""How words begin about this host, whatever the archive holds."""
_OF_HOSTS = (
    "No space left",
    "Disk quota",
    "Cannot allocate memory",
    "out of memory",
    "Out of memory",
    "Permission denied",
    "Operation not permitted",
    "Read-only file system",
    "Too many open files",
    "could not fork",
    "shared memory",
    "semaphore",
    "Address already in use",
    "lock file",
)


class RestoreRefused(Refused):
    """Nothing was changed. `broken`: the object at fault, where one is."""

    def __init__(self, refusal: Refusal, broken: str = "") -> None:
        super().__init__(refusal.sentence)
        self.refusal, self.broken = refusal, broken
        self.blames_archive = not refusal.sentence.startswith(HOST)


class ArchiveFault(EngineFailed):
    """What was archived cannot be what was there: the fault is not this host's."""

    blames_archive = True


def blamed(words: str) -> EngineFailed:
    """Of a restored server, or of what unpacks, that failed with these words."""
    if words.startswith(HOST):
        return EngineFailed(words)
    if any(each in words for each in _OF_HOSTS):
        return EngineFailed(f"{HOST} {words}")
    return ArchiveFault(words)


class Source:
    """One database in one store. `without`: objects that are known to be broken. `patience`:
    seconds until a store that went away is given up."""

    def __init__(
        self,
        store: ObjectStore,
        keys: Keys,
        database: str,
        *,
        without: Iterable[str] = (),
        patience: float = 60.0,
    ) -> None:
        self.store, self._keys, self._database = store, keys, database
        self._without, self._patience = frozenset(without), patience
        self._objects: list[ObjectInfo] = []

    async def plan(self, to: datetime | None) -> tuple[RestorePlan, Manifest]:
        """Checked against the manifest of the backup that it needs."""
        seen = await self.store.list(f"{self._database}/")
        self._objects = [each for each in seen if each.name not in self._without]
        first = self._planned(plan_restore(self._objects, {}, to))
        name = str(first.name)
        try:
            manifest = decode_manifest(await self.get(name))
        except BadManifest as error:
            raise self.refused(name, str(error)) from error
        plan = self._planned(plan_restore(self._objects, {name: manifest}, to), name)
        return plan, manifest

    @property
    def timeline(self) -> int:
        """The highest that the store has a name of."""
        return highest_timeline(each.name for each in self._objects)

    def _planned(self, found: RestorePlan | Refusal, broken: str = "") -> RestorePlan:
        if isinstance(found, Refusal):
            raise RestoreRefused(found, broken)
        return found

    def refused(self, broken: str, reason: str) -> RestoreRefused:
        """With what is possible without that object; without one, as everything is."""
        rest = coverage(each for each in self._objects if each.name != broken)
        said = reason.rstrip(".")
        return RestoreRefused(Refusal(said, rest.moment, rest.windows), broken)

    async def get(self, name: str) -> bytes:
        """Opened. A store that goes away is waited for."""
        return (await self._opened(name))[0]

    async def _opened(self, name: str) -> tuple[bytes, bytes]:
        """With its digest."""
        sealed = await self._fetched(name)
        try:
            return await asyncio.to_thread(unseal_with_digest, sealed, name=name, keys=self._keys)
        except SealBroken as error:
            raise self.refused(name, str(error)) from error

    async def _fetched(self, name: str) -> bytes:
        deadline = system.monotonic() + self._patience
        while True:
            try:
                return await self.store.get(name)
            except NoSuchObject as error:
                raise self.refused(name, f"{name} is gone from {self.store.name}") from error
            except StoreAway:
                if system.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.5)

    async def part(self, name: str, fact: PartFact) -> bytes:
        """A piece of a backup, as its manifest has it."""
        plain, digest = await self._opened(name)
        if len(plain) != fact.plain or digest.hex() != fact.digest:
            raise self.refused(name, f"{name} is not what the manifest says")
        return plain

    async def parts(self, plan: RestorePlan, manifest: Manifest) -> AsyncGenerator[bytes]:
        """In order, some of them ahead."""
        wanted = list(zip(plan.parts, manifest.parts, strict=True))
        running: deque[asyncio.Task[bytes]] = deque()
        try:
            while wanted or running:
                while wanted and len(running) < AT_ONCE:
                    running.append(asyncio.create_task(self.part(*wanted.pop(0))))
                yield await running.popleft()
        finally:
            await _dropped(running)

    async def each(self, names: Sequence[str]) -> AsyncGenerator[tuple[str, bytes]]:
        """In order, some of them ahead."""
        left = list(names)
        running: deque[tuple[str, asyncio.Task[bytes]]] = deque()
        try:
            while left or running:
                while left and len(running) < AT_ONCE:
                    name = left.pop(0)
                    running.append((name, asyncio.create_task(self.get(name))))
                name, task = running.popleft()
                yield name, await task
        finally:
            await _dropped(task for _, task in running)


async def _dropped(tasks: Iterable[asyncio.Task[bytes]]) -> None:
    await end(tasks)
