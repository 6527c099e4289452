"""Asking the stores: side by side, each within its time, so that one that hangs delays no other."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from recovery.backups.models import Store
from recovery.backups.queries import ToRead
from recovery.backups.reading import Look, Step, next_chunk, read_listing, tail_after
from recovery.core.archive import lsn_text
from recovery.core.errors import TocsinError
from recovery.core.ports.stores import ObjectStore

Opener = Callable[[Store], ObjectStore]
LISTED_WITHIN = 15.0
"""Seconds for one database's listing; a store that needs longer is not read."""
HUNG_AFTER = 4.0
"""Seconds before an error: the next question would have to wait for as long."""
MOST_STEPS = 64
"""Pieces followed at once; an archive further behind is caught up by its next whole look."""
T = TypeVar("T")
HANGS = f"No answer within {LISTED_WITHIN:.0f} s."


def look_at(archives: Sequence[ToRead], *, opened: Opener, now: datetime) -> list[Look]:
    """Each archive as its store lists it. `now`: before the first question, so that nothing is
    held to be newer than it is."""
    return _ask(archives, opened, lambda store, one: _look(store, one, now), _failed(now))


def follow(archives: Sequence[ToRead], *, opened: Opener, now: datetime) -> list[Step]:
    """How far the log of each went on from where it was read to: a question a piece, whatever
    lies before it. What cannot be asked is left to the next whole look to tell of."""
    found = _ask(archives, opened, lambda store, one: _step(store, one, now), lambda one, why: None)
    return [step for step in found if step is not None]


def _ask(
    archives: Sequence[ToRead],
    opened: Opener,
    ask: Callable[[ObjectStore, ToRead], Awaitable[T]],
    failed: Callable[[ToRead, str], T],
) -> list[T]:
    if not archives:
        return []
    by_store: dict[str, list[ToRead]] = defaultdict(list)
    for one in archives:
        by_store[one.store.name].append(one)
    asked = _ask_all([_Asking(each, opened, ask, failed) for each in by_store.values()])
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(asked)
    finally:
        loop.close()  # unlike asyncio.run it does not wait for a thread that a hung disk holds


async def _ask_all(askings: Sequence[_Asking[T]]) -> list[T]:
    found = await asyncio.gather(*(one.run() for one in askings))
    return [answer for answers in found for answer in answers]


@dataclass(frozen=True, slots=True)
class _Asking(Generic[T]):
    """One store's archives, one after the other; after the first that hangs the rest is not
    asked, whoever lost patience with it."""

    archives: Sequence[ToRead]
    opened: Opener
    ask: Callable[[ObjectStore, ToRead], Awaitable[T]]
    failed: Callable[[ToRead, str], T]

    async def run(self) -> list[T]:
        try:
            store = self.opened(self.archives[0].store)
        except TocsinError as error:
            return [self.failed(one, str(error)) for one in self.archives]
        try:
            return await self._ask_each(store)
        finally:
            with suppress(TocsinError, TimeoutError):
                async with asyncio.timeout(LISTED_WITHIN):
                    await store.close()

    async def _ask_each(self, store: ObjectStore) -> list[T]:
        found: list[T] = []
        clock = asyncio.get_running_loop()
        for number, one in enumerate(self.archives):
            asked = clock.time()
            try:
                async with asyncio.timeout(LISTED_WITHIN):
                    found.append(await self.ask(store, one))
            except TimeoutError:
                return found + [self.failed(rest, HANGS) for rest in self.archives[number:]]
            except TocsinError as error:
                if clock.time() - asked >= HUNG_AFTER:
                    return found + [
                        self.failed(rest, str(error)) for rest in self.archives[number:]
                    ]
                found.append(self.failed(one, str(error)))
        return found


def _failed(now: datetime) -> Callable[[ToRead, str], Look]:
    return lambda one, why: Look(one.replica, now, None, why)


async def _look(store: ObjectStore, archive: ToRead, now: datetime) -> Look:
    return Look(archive.replica, now, read_listing(await store.list(f"{archive.database}/")))


async def _step(store: ObjectStore, archive: ToRead, now: datetime) -> Step | None:
    """None: it did not go on."""
    tail, moment, position = archive.tail, None, 0
    seen: set[str] = set()
    for _ in range(MOST_STEPS):
        listed = await store.list(tail)
        chunk = next_chunk(info.name for info in listed if info.name not in seen)
        if chunk is None:
            break
        seen.update(info.name for info in listed)
        moment, position = chunk.moment or moment, chunk.stop
        tail = tail_after(chunk.line, chunk.timeline, position)
    if not position:
        return None
    return Step(archive.replica, now, archive.tail, tail, lsn_text(position), moment)
