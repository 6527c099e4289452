"""What a restore puts in a replica's place, and what it puts back. Renames, and one mark.

    data/restored-from   the restore that these data are of: it goes wherever they go
    kept/STAMP.ID/       what the restore ID took the place of, whole

Invariants: the mark is in the data before they are in place, so no crash leaves data of which
nobody knows what they are; what was replaced carries the name of what replaced it, so it can be
put back from every instant on at which it is not in place.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from recovery.adapters.databases.folders import Folder, sync_folder
from recovery.adapters.databases.postgresql.layout import Layout
from recovery.adapters.databases.running import alone
from recovery.agent.databases.facts import Origin
from recovery.agent.disk import write_atomic
from recovery.core.errors import Refused
from recovery.core.ports import Place
from recovery.core.wire import DatabaseSpec

MARK = "restored-from"


def origin(database: DatabaseSpec, target: Folder) -> Origin:
    """As its list asks."""
    mark = _read(target.data / MARK)
    if database.adopts:
        return Origin(mark)
    name = _given_up(database, target, mark)
    if not name:
        return Origin()
    return Origin(name, is_given_up=True, may_return=target.replaced_by(name) is not None)


def _given_up(database: DatabaseSpec, target: Folder, mark: str) -> str:
    """Killed between two renames, nothing is in place: then the newest one that left it so."""
    if target.data.exists():
        return mark if mark in database.gave_up else ""
    return next((one for one in database.gave_up if target.replaced_by(one)), "")


async def put(database: DatabaseSpec, name: str, place: Place) -> bool:
    """The staged data are in place afterwards, and say of which restore they are; False: there are
    none. What was killed after the last rename finds nothing staged any more."""
    staged, target = staged_of(database, name, place), target_of(database, place)
    async with alone(target.path):
        if not await asyncio.to_thread(staged.data.exists):
            return await asyncio.to_thread(_read, target.data / MARK) == name
        await asyncio.to_thread(_mark, database, name, place, staged.data)
        if await asyncio.to_thread(target.data.exists):
            await asyncio.to_thread(target.put_aside, name)
        await asyncio.to_thread(_move, staged.data, target)
    return True


async def put_back(database: DatabaseSpec, place: Place) -> None:
    """What the newest restore that was given up took the place of is there again; what it brought,
    with all that was written to it, is kept as anything that was replaced."""
    target = target_of(database, place)
    async with alone(target.path):
        found = await asyncio.to_thread(origin, database, target)
        if not found.is_given_up:
            return
        old = target.replaced_by(found.adopted)
        if old is None:
            raise Refused(f"what {found.adopted} took the place of is not here any more")
        if await asyncio.to_thread(target.data.exists):
            await asyncio.to_thread(target.put_aside)
        await asyncio.to_thread(_move, old, target)


async def set_aside(database: DatabaseSpec, place: Place) -> None:
    """What lies where no list names it is of an earlier time: nothing is in place afterwards."""
    target = target_of(database, place)
    if not await asyncio.to_thread(target.data.exists):
        return
    async with alone(target.path):
        await asyncio.to_thread(target.put_aside)


def staged_of(database: DatabaseSpec, name: str, place: Place) -> Folder:
    """Where a restore is staged."""
    folder = staging_of(database, name, place)
    if database.engine != "postgresql":
        return Folder(folder)
    return Layout(replace(place, folder=folder), database.version).files


def target_of(database: DatabaseSpec, place: Place) -> Folder:
    """Where it would serve."""
    if database.engine != "postgresql":
        return Folder(place.folder)
    return Layout(place, database.version).files


def staging_of(database: DatabaseSpec, name: str, place: Place) -> Path:
    """In the replica's own folder, so that one rename puts its data in place."""
    home = place.folder
    if database.engine == "postgresql":
        home = Layout(place, database.version).seat.folder
    return home / f"staged-{name}"


def _move(data: Path, target: Folder) -> None:
    data.rename(target.data)
    sync_folder(data.parent)
    sync_folder(target.path)


def _mark(database: DatabaseSpec, name: str, place: Place, data: Path) -> None:
    """Its server's user may read it, or no base backup could be made of these data."""
    write_atomic(data / MARK, name.encode())
    if database.engine == "postgresql":
        Layout(place, database.version).own(data / MARK)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
