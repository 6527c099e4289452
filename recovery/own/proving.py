"""Restore tests of Tocsin's own archive, here, for no host has its key.

Invariants: one at a time, beside everything and removed afterwards; a replica is tried again only
after its time, passed or not; none is begun where the disk lacks the room (`Restore` refuses).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from recovery.adapters.backups.sealing import Keys
from recovery.agent.backups.fetch import Source
from recovery.agent.backups.restore import Inside, Restore, Restored
from recovery.core.archive import coverage
from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.core.ports import EngineFailed, ObjectStore, Place, StoreError
from recovery.core.wire.backups import StoreSpec
from recovery.engines.places import short_place
from recovery.engines.postgres import SUPERUSER
from recovery.engines.roles import DATABASE
from recovery.own.folder import OwnProof
from recovery.own.server import NAME

_log = logging.getLogger("tocsin.own")
LOOK_SECONDS = 20.0
AGAIN = timedelta(hours=1)
"""After one that failed: what was mended is not called broken for weeks."""


def every() -> timedelta:
    """Half of the time within which each has to be proven; zero: never."""
    days = float(os.environ.get("TOCSIN_PROVEN_WITHIN_DAYS", "").strip() or 30)
    return timedelta(days=days) / 2


def next_due(
    numbers: list[int], proofs: dict[int, OwnProof], every: timedelta, now: datetime
) -> int | None:
    """The one that waits longest of those whose time has come."""
    never = datetime.min.replace(tzinfo=now.tzinfo)
    at = {one: proofs[one].ended if one in proofs else never for one in numbers}
    failed = {one for one in numbers if one in proofs and proofs[one].failure}
    pauses = {one: min(AGAIN, every) if one in failed else every for one in numbers}
    due = [one for one in numbers if now - at[one] >= pauses[one]]
    return min(due, key=lambda one: (at[one], one), default=None)


@dataclass(slots=True)
class Proving:
    """`stores`: by number, as they are now. `proofs`: the newest of each."""

    folder: Path
    keys: Keys
    version: str
    stores: Callable[[], dict[int, StoreSpec]]
    opened: Callable[[StoreSpec], ObjectStore]
    proofs: dict[int, OwnProof] = field(default_factory=dict)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._remove()
            await asyncio.sleep(LOOK_SECONDS)
            if every():
                await self._look()

    async def _look(self) -> None:
        stores = self.stores()
        number = next_due(list(stores), self.proofs, every(), system.now())
        if number is None:
            return
        store = self.opened(stores[number])
        try:  # a store that cannot be read is told of on the page, and its turn comes again
            seen = await store.list(f"{NAME}/")
            if coverage(seen).moment is not None:
                self.proofs = self.proofs | {number: await self._tried(store)}
        except (StoreError, OSError) as error:
            _log.warning("no restore test of replica %d: %s", number, error)
        finally:
            with contextlib.suppress(TocsinError):
                await store.close()

    async def _tried(self, store: ObjectStore) -> OwnProof:
        began = system.now()
        inside = Inside(SUPERUSER, DATABASE)
        source = Source(store, self.keys, NAME)
        work = Restore(source, Place(self.folder, "127.0.0.1"), self.version, inside=inside)
        try:
            found, failure = await _outcome(work.run())
        finally:
            await self._remove()
        return OwnProof(
            begun=began,
            ended=system.now(),
            failure=failure,
            canary=found.canary if found else None,
            size=found.size if found else 0,
            seconds=found.seconds if found else 0.0,
        )

    async def _remove(self) -> None:
        for each in (self.folder, short_place(self.folder, "/var/lib")):
            await asyncio.to_thread(shutil.rmtree, each, ignore_errors=True)


async def _outcome(work: Awaitable[Restored]) -> tuple[Restored | None, str]:
    """What came back, or why it is no proof. A store that went away proves nothing either way."""
    try:
        found = await work
    except StoreError:
        raise
    except (TocsinError, EngineFailed) as error:
        return None, str(error)
    if found.canary is None:
        return found, "It was restored and answers, and no canary row is in it."
    return found, ""
