"""Tocsin's own database brought back from a store, while Tocsin is stopped.

Invariants: nothing in place is touched before a server on the restored data has started, answered
and ended in order; then two renames, and the old data are kept. Whoever is killed before begins
anew. The restored rows stand on a timeline of their own, so at the next start nothing in them is
told to an agent until a person has settled what they do not know (B11, core/incarnations.py).
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import sql

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.databases.postgresql.programs import installed
from recovery.agent.backups.fetch import Source
from recovery.agent.backups.progress import Progress
from recovery.agent.backups.restore import Inside, Restore, Restored
from recovery.agent.backups.stores import keys_for, store_for
from recovery.agent.disk import private_folder, write_atomic
from recovery.core.archive import highest_timeline
from recovery.core.errors import BadConfiguration, Refused, TocsinError
from recovery.core.ports import ObjectStore, Place
from recovery.engines import first, leftovers
from recovery.engines.postgres import SUPERUSER, Cluster
from recovery.engines.roles import DATABASE
from recovery.engines.state import State, write_private
from recovery.own import bundle
from recovery.own.folder import KEY, OwnFolder
from recovery.own.server import NAME

Say = Callable[[str], object]
_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Wish:
    """`to` None: the newest moment. `recovery`: the private half, where this machine lost its
    keys."""

    to: datetime | None = None
    recovery: str = ""


def store_of(state: State, number: int) -> ObjectStore:
    """Replica `number`, as this machine's files have it."""
    folder = OwnFolder(state.folder)
    stores = folder.readable()
    if number not in stores:
        known = ", ".join(str(each) for each in stores) or "none"
        raise Refused(
            f"This machine's files know no replica {number} of Tocsin; known: {known}.",
            field="replica",
            todo="Name its store: --store FOLDER, or --store http://HOST:PORT/BUCKET.",
        )
    return store_for(stores[number], folder.path)


def store_named(address: str, pair: tuple[str, str] | None) -> ObjectStore:
    """A folder, or a bucket with its access key and secret."""
    if not address.startswith(("http://", "https://")):
        return DirectoryStore("the folder", Path(address))
    from recovery.adapters.backups.s3 import Bucket, S3Store  # noqa: PLC0415

    if pair is None:
        raise BadConfiguration("A bucket needs --credentials FILE.", field="store")
    endpoint, _, bucket = address.rpartition("/")
    return S3Store("the bucket", Bucket(endpoint, bucket, *pair))


def restore(state: State, store: ObjectStore, wish: Wish, say: Say) -> Restored:
    """`AlreadyRunning` while Tocsin runs; what the restore refuses, it refuses in its words."""
    state.prepare()
    with state.take_lock():
        leftovers.end_all(state.folder)
        return asyncio.run(_restore(state, store, wish, say))


async def _restore(state: State, store: ObjectStore, wish: Wish, say: Say) -> Restored:
    try:
        await _bring_keys(state, store, wish, say)
        folder = OwnFolder(state.folder)
        source = Source(store, keys_for(folder.path, KEY), NAME)
        place = Place(state.folder / "postgres", "127.0.0.1")
        private_folder(place.folder)
        inside = Inside(SUPERUSER, DATABASE, (_password(place.folder),))
        work = Restore(source, place, await _version(source, wish.to), inside=inside)
        for each in (first.ROLES_READY, first.ARCHIVER_READY, first.MIGRATED):
            (place.folder / each).unlink(missing_ok=True)
        timeline = await _highest_timeline(folder, say)
        return await _told(work.run(wish.to, timeline=timeline), work.progress, say)
    finally:
        with suppress(Exception):
            await store.close()


async def _bring_keys(state: State, store: ObjectStore, wish: Wish, say: Say) -> None:
    """What this machine has stays; what it lacks comes out of the newest sealed keys."""
    needed = ("own/keys", "secrets/archiver")
    if all((state.folder / name).exists() for name in needed) and not wish.recovery:
        return
    if not wish.recovery:
        raise Refused(
            "This machine has not the keys of Tocsin's archive.",
            kept="Nothing was changed.",
            todo="Give the recovery key: --recovery-key FILE.",
        )
    there = sorted(each.name for each in await store.list(bundle.PREFIX))
    if not there:
        raise Refused(f"No sealed keys are in {store.name}.", kept="Nothing was changed.")
    files = bundle.open_files(await store.get(there[-1]), wish.recovery, name=there[-1])
    known = {name for name in files if (state.folder / name).exists()}
    lacking = {name: content for name, content in files.items() if name not in known}
    for name, content in lacking.items():
        path = state.folder / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise Refused(f"{there[-1]} names a file outside of the state folder.")
        private_folder(path.parent)
        write_atomic(path, content)
    private_folder(OwnFolder(state.folder).spool)
    say(f"{len(lacking)} files of keys are back, out of {there[-1]}.\n")


async def _version(source: Source, to: datetime | None) -> str:
    """The major version that the backup needs."""
    _, manifest = await source.plan(to)
    if manifest.major not in installed():
        here = ", ".join(str(each) for each in sorted(installed()))
        raise source.refused(
            "", f"It is PostgreSQL {manifest.major}'s, and this machine has {here or 'none'}"
        )
    return str(manifest.major)


async def _highest_timeline(folder: OwnFolder, say: Say) -> int:
    """That any store which this machine knows has a name of: one that is restored from, yesterday's
    snapshot above all, may lack the newest. Whoever does not answer is named, and waited for by
    nobody: a restore out of what is left goes on."""
    highest = 0
    for number, spec in sorted(folder.readable().items()):
        try:
            store = store_for(spec, folder.path)
            try:
                there = await store.list(f"{NAME}/")
            finally:
                await store.close()
        except (TocsinError, OSError) as error:
            say(f"Replica {number} could not be asked which histories it has: {error}\n")
            continue
        highest = max(highest, highest_timeline(each.name for each in there))
    return highest


def _password(folder: Path) -> sql.Composed:
    """The superuser's, in the data as in its file: what is in place goes on to agree with it."""
    cluster = Cluster(folder)
    path = cluster.password_file
    if not path.exists():
        private_folder(path.parent)
        write_private(path, secrets.token_urlsafe(24))
        if cluster.seat.owner:
            shutil.chown(path, cluster.seat.owner)
    word = sql.Literal(path.read_text().strip())
    return sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(SUPERUSER), word)


async def _told(work: Coroutine[Any, Any, Restored], progress: Progress, say: Say) -> Restored:
    running = asyncio.create_task(work)
    while not running.done():
        await asyncio.wait({running}, timeout=_EVERY)
        done, total = progress.done / 1e6, progress.total / 1e6
        say(f"{progress.phase}: {done:.0f} of {total:.0f} MB\n")
    return await running
