"""Asking the stores: side by side, each within its time, so that one that hangs delays no other."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from recovery.backups.models import Store
from recovery.backups.queries import ToRead
from recovery.backups.reading import Look, read_listing
from recovery.core.errors import TocsinError
from recovery.core.ports.stores import ObjectStore

Opener = Callable[[Store], ObjectStore]
LISTED_WITHIN = 15.0
"""Seconds for one database's listing; a store that needs longer is not read."""
HANGS = f"No answer within {LISTED_WITHIN:.0f} s."


def look_at(archives: Sequence[ToRead], *, opened: Opener, now: datetime) -> list[Look]:
    """Each archive as its store lists it. `now`: before the first question, so that nothing is
    held to be newer than it is."""
    if not archives:
        return []
    by_store: dict[str, list[ToRead]] = defaultdict(list)
    for one in archives:
        by_store[one.store.name].append(one)
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_look_at_all(list(by_store.values()), opened, now))
    finally:
        loop.close()  # unlike asyncio.run it does not wait for a thread that a hung disk holds


async def _look_at_all(stores: Sequence[list[ToRead]], opened: Opener, now: datetime) -> list[Look]:
    found = await asyncio.gather(*(_look_at_store(each, opened, now) for each in stores))
    return [look for looks in found for look in looks]


async def _look_at_store(archives: list[ToRead], opened: Opener, now: datetime) -> list[Look]:
    """One after the other; after the first that hangs the rest is not asked."""
    try:
        store = opened(archives[0].store)
    except TocsinError as error:
        return [Look(one.replica, now, None, str(error)) for one in archives]
    looks: list[Look] = []
    try:
        for one in archives:
            hung = looks and looks[-1].error == HANGS
            looks.append(
                Look(one.replica, now, None, HANGS) if hung else await _look(store, one, now)
            )
    finally:
        with suppress(TocsinError, TimeoutError):
            async with asyncio.timeout(LISTED_WITHIN):
                await store.close()
    return looks


async def _look(store: ObjectStore, archive: ToRead, now: datetime) -> Look:
    try:
        async with asyncio.timeout(LISTED_WITHIN):
            listed = await store.list(f"{archive.database}/")
    except TimeoutError:
        return Look(archive.replica, now, None, HANGS)
    except TocsinError as error:
        return Look(archive.replica, now, None, str(error))
    return Look(archive.replica, now, read_listing(listed))
