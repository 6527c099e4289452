"""What a restore needs out of a store: planned, fetched side by side, opened, compared.

Invariant: bytes that are handed on are those that were sealed under that name. Whatever is wrong
is refused with the object's name, its own trouble, and the newest moment that can be restored
without it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from recovery.adapters.backups.sealing import Keys, Reused, SealBroken, unseal, unseal_into
from recovery.core.archive import (
    Manifest,
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

T = TypeVar("T")
AT_ONCE = 6
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
        self._free: list[Reused] = []

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
        return await self._opened(name, partial(unseal, keys=self._keys))

    async def _opened(self, name: str, opening: Callable[..., T]) -> T:
        sealed = await self._fetched(name)
        try:
            return await asyncio.to_thread(opening, sealed, name=name)
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

    async def parts(self, plan: RestorePlan, manifest: Manifest) -> AsyncGenerator[memoryview]:
        """A backup's pieces in order, as its manifest has them; each until the next is asked
        for."""
        facts = dict(zip(plan.parts, manifest.parts, strict=True))
        async with contextlib.aclosing(self._ahead(plan.parts)) as found:
            async for name, plain, digest in found:
                fact = facts[name]
                if len(plain) != fact.plain or digest.hex() != fact.digest:
                    raise self.refused(name, f"{name} is not what the manifest says")
                yield plain

    async def each(self, names: Sequence[str]) -> AsyncGenerator[tuple[str, memoryview]]:
        """In order; each until the next is asked for."""
        async with contextlib.aclosing(self._ahead(names)) as found:
            async for name, plain, _ in found:
                yield name, plain

    async def _ahead(self, names: Sequence[str]) -> AsyncGenerator[tuple[str, memoryview, bytes]]:
        """With their digests, in order, some of them ahead. Memory is used again after somebody
        was done with it; that of one who was not, left in any way, never."""
        left, free = deque(names), self._free
        running: deque[tuple[str, Reused, asyncio.Task[tuple[memoryview, bytes]]]] = deque()

        def begin() -> None:
            while left and len(running) < AT_ONCE:
                name, memory = left.popleft(), free.pop() if free else Reused()
                opening = partial(unseal_into, memory, keys=self._keys)
                task = asyncio.create_task(self._opened(name, opening))
                running.append((name, memory, task))

        begin()
        try:
            while running:
                name, memory, task = running.popleft()
                plain, digest = await task
                begin()
                yield name, plain, digest
                free.append(memory)
        finally:
            await _dropped(task for _, _, task in running)

    def let_go(self) -> None:
        """Nothing more is fetched for now: a server needs the memory more."""
        self._free.clear()


async def _dropped(tasks: Iterable[asyncio.Task[Any]]) -> None:
    await end(tasks)
