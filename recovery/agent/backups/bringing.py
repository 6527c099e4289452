"""One restore's folders and acts: beside the place where it would serve, into it, or gone.

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

from recovery.adapters.databases.folders import Folder
from recovery.adapters.databases.postgresql.layout import Layout
from recovery.adapters.databases.running import alone
from recovery.agent.backups.fetch import Source
from recovery.agent.backups.progress import Measured, Progress
from recovery.agent.backups.restore import Restore, Restored, put_in_place
from recovery.agent.backups.restore_valkey import RestoreValkey
from recovery.agent.backups.stores import keys_for, store_for
from recovery.agent.disk import write_atomic
from recovery.core.archive.names import milliseconds
from recovery.core.errors import BadMessage
from recovery.core.ports import Place
from recovery.core.wire import DatabaseSpec
from recovery.core.wire.backups import RestoreResult, RestoreSpec
from recovery.engines.places import short_place

__all__ = ["Measured", "Progress", "bring", "put", "remove", "set_aside", "staging_of"]


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


async def put(database: DatabaseSpec, name: str, place: Place, mark: Path) -> None:
    """The staged data are in place afterwards, and `mark` names their restore. What was killed
    between the two finds nothing staged any more, and writes the mark."""
    staged, target = _folders(database, name, place)
    async with alone(target.path):
        if await asyncio.to_thread(staged.data.exists):
            await asyncio.to_thread(put_in_place, target, staged.data)
        await asyncio.to_thread(write_atomic, mark, name.encode())


async def set_aside(database: DatabaseSpec, place: Place) -> None:
    """What lies where no list names it is of an earlier time: nothing is in place afterwards."""
    target = _target(database, place)
    if not await asyncio.to_thread(target.data.exists):
        return
    async with alone(target.path):
        await asyncio.to_thread(target.put_aside)


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


def _folders(database: DatabaseSpec, name: str, place: Place) -> tuple[Folder, Folder]:
    """Where it is staged and where it would serve."""
    staging = staging_of(database, name, place)
    target = _target(database, place)
    if database.engine != "postgresql":
        return Folder(staging), target
    return Layout(replace(place, folder=staging), database.version).files, target


def _target(database: DatabaseSpec, place: Place) -> Folder:
    """Where it would serve."""
    if database.engine != "postgresql":
        return Folder(place.folder)
    return Layout(place, database.version).files


def staging_of(database: DatabaseSpec, name: str, place: Place) -> Path:
    """Where everything of one restore is, until it is adopted."""
    home = place.folder
    if database.engine == "postgresql":
        home = Layout(place, database.version).seat.folder
    return home / f"staged-{name}"


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
