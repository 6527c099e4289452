"""One restore's folder and acts: beside the place where it would serve, or gone (places.py: in it).

Loaded only where something is restored. Invariant: a staged folder lies in the replica's own, so
that one rename puts its data in place.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from recovery.agent.backups.fetch import Source
from recovery.agent.backups.progress import Measured, Progress
from recovery.agent.backups.restore import Restore, Restored
from recovery.agent.backups.restore_valkey import RestoreValkey
from recovery.agent.backups.restoring.places import staging_of
from recovery.agent.backups.stores import keys_for, store_for
from recovery.core.archive.names import milliseconds
from recovery.core.errors import BadMessage
from recovery.core.ports import Place
from recovery.core.wire import DatabaseSpec
from recovery.core.wire.backups import RestoreResult, RestoreSpec
from recovery.engines.places import short_place

__all__ = ["Measured", "Progress", "bring", "remove"]


async def bring(
    database: DatabaseSpec, spec: RestoreSpec, place: Place, backups: Path, progress: Progress
) -> RestoreResult:
    """Fetched, unpacked, started, asked, ended in order; staged. `backups`: this host's folder of
    them, which holds keys and credentials. Raises what `Restore.run` raises."""
    if spec.store is None:
        raise BadMessage("a restore names its store", field="store")
    keys = await asyncio.to_thread(keys_for, backups, spec.key)
    store = store_for(spec.store, backups)
    to = datetime.fromtimestamp(spec.to / 1000, UTC) if spec.to else None
    try:
        work = _work(database, spec, place, Source(store, keys, database.name))
        work.progress = progress
        return _result(await work.run(to, timeline=spec.timeline))
    finally:
        await store.close()


async def remove(database: DatabaseSpec, name: str, place: Place) -> None:
    """Nothing of it is left. Raises `OSError` where some of it stays."""
    staging = await asyncio.to_thread(staging_of, database, name, place)
    elsewhere = short_place(staging, "/var/lib")  # a dropped user's files
    for folder in (staging, elsewhere):
        with contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread(shutil.rmtree, folder)


def _work(
    database: DatabaseSpec, spec: RestoreSpec, place: Place, source: Source
) -> Restore | RestoreValkey:
    folder = staging_of(database, spec.restore, place)
    if database.engine == "postgresql":
        return Restore(source, replace(place, folder=folder), database.version)
    return RestoreValkey(source, folder, database.version)


def _result(done: Restored) -> RestoreResult:
    return RestoreResult(
        backup=done.backup,
        moment=milliseconds(done.moment),
        canary=milliseconds(done.canary),
        timeline=done.timeline,
        size=done.size,
        seconds=done.seconds,
        speed=done.speed,
    )
