"""Restores by order: fetched and proven beside the place where they would serve, then adopted.

    backups/restores/ID.json    the note of one restore here, with its result once it has one
    <replica>/…/staged-ID/      everything of it, until it is adopted or discarded

Invariants: what is staged serves nobody until it is adopted, and is adopted only by a replica that
the list names as primary; an older copy that this host had once is set aside before anything is
staged, so that the list which names it again finds nothing to start until the adoption; what serves
here is stopped only for a restore that its list says takes its place; a restore
without a result is of no use after a crash, so it is removed and begun anew; one restore runs at a
time under one name, however many operations ask for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from recovery.adapters.databases.folders import Folder
from recovery.agent.backups.restoring import places
from recovery.agent.databases.facts import Origin
from recovery.agent.databases.replica import Replica
from recovery.agent.disk import private_folder, write_atomic
from recovery.core.ending import end
from recovery.core.errors import BadConfiguration, BadMessage, Refused, TocsinError
from recovery.core.ports import EngineFailed, Place, StoreAway, StoreFull
from recovery.core.wire import DatabaseOrder, DatabaseSpec, Outcome, OutcomeState
from recovery.core.wire.backups import RestoreFact, RestoreResult, RestoreSpec

if TYPE_CHECKING:
    from recovery.agent.backups.progress import Measured, Progress

_log = logging.getLogger("tocsin.agent.restores")
PASSING = "store: "
"""How the detail begins of what only a store was in the way of: it may be asked for again."""
TIDY_SECONDS = 60.0
"""For so long what a restore has written may be taken away by the restore itself."""
NOTHING = "nothing of this restore is here to be adopted"
ARCHIVE = "archive: "
"""And of what is wrong with the archive itself: only that disproves a replica."""
UNREAD = "its note cannot be read"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is on the disk of one restore."""

    database: DatabaseSpec
    result: RestoreResult | None = None


@dataclass(slots=True)
class _Work:
    """One that runs now."""

    replica: str
    progress: Progress
    task: asyncio.Task[RestoreResult]


class Restores:
    """The restores of one host. `folder`: of its backups; `place`: where a replica lives;
    `is_listed`: whether the newest list names it here."""

    def __init__(
        self,
        folder: Path,
        place: Callable[[DatabaseSpec], Place],
        changed: Callable[[], None],
        is_listed: Callable[[str], bool],
    ) -> None:
        self._backups, self._place, self._changed = folder, place, changed
        self._is_listed = is_listed
        self._folder = folder / "restores"
        self._notes: dict[str, Note] = {}
        self._unread: set[str] = set()
        """Restores whose notes nobody can read: something of them may be here."""
        self._running: dict[str, _Work] = {}
        self._measured: Measured | None = None
        self._targets: dict[tuple[str, str], Folder] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def open(self) -> None:
        """What has a result stays; what a crash broke off is removed, and begun anew if its order
        still stands. A note that nobody can read stays, for a discard to remove with its data; it
        keeps no agent from starting, and neither does what the disk does not let go."""
        for path in await asyncio.to_thread(lambda: sorted(self._folder.glob("*.json"))):
            try:
                note = msgspec.json.decode(await asyncio.to_thread(path.read_bytes), type=Note)
            except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
                _log.warning("restore %s: its note cannot be read: %s", path.stem, error)
                self._unread.add(path.stem)
                continue
            if note.result is not None:
                self._notes[path.stem] = note
            else:
                await self._clear(path.stem, note.database)

    async def close(self) -> None:
        await end([work.task for work in self._running.values()])

    def facts(self) -> tuple[RestoreFact, ...]:
        """All that is here, running or staged."""
        running = tuple(_running(name, work) for name, work in self._running.items())
        staged = tuple(
            _staged(name, note) for name, note in self._notes.items() if name not in self._running
        )
        unread = tuple(
            RestoreFact(restore=name, replica="", state="staged", phase=UNREAD)
            for name in sorted(self._unread)
        )
        return running + staged + unread

    # ------------------------------------------------------------------ orders

    async def carry_out(self, order: DatabaseOrder) -> Outcome:
        """`restore` or `discard`."""
        spec = _named(order)
        try:
            if order.verb == "discard":
                return await self._discard(order, spec)
            return await self._restore(order, spec)
        except (Refused, BadConfiguration) as error:
            return _outcome(order, "refused", _words(error))
        except (StoreAway, StoreFull) as error:
            return _outcome(order, "failed", f"{PASSING}{error}")
        except (TocsinError, OSError) as error:
            return _outcome(order, "failed", _words(error))

    async def _restore(self, order: DatabaseOrder, spec: RestoreSpec) -> Outcome:
        async with self._turns[spec.restore]:
            note = self._notes.get(spec.restore)
            if note is None or note.result is None:
                result = await self._run(order.database, spec)
            else:
                result = note.result
        if result is None:
            return _outcome(order, "failed", "It was called off; nothing of it is left.")
        return _outcome(order, "done", msgspec.json.encode(result).decode())

    async def _run(self, database: DatabaseSpec, spec: RestoreSpec) -> RestoreResult | None:
        """None: it was called off. The note is on the disk before anything else is."""
        await self._write(spec.restore, Note(database=database))
        from recovery.agent.backups.restoring import bringing  # noqa: PLC0415 - where nothing is restored

        if self._measured is None:
            paces = self._backups / "paces.json"
            self._measured = await asyncio.to_thread(bringing.Measured.kept_in, paces)
        progress, place = bringing.Progress(measured=self._measured), self._place(database)
        if not spec.scratch and not self._is_listed(database.replica):
            await places.set_aside(database, place)
        work = bringing.bring(database, spec, place, self._backups, progress)
        task = asyncio.create_task(work, name=f"restore {spec.restore}")
        self._running[spec.restore] = _Work(database.replica, progress, task)
        self._changed()
        result = None
        try:
            await asyncio.wait({task})
            result = None if task.cancelled() else task.result()
            return result
        finally:
            await end([task], again=TIDY_SECONDS, within=3 * TIDY_SECONDS)
            del self._running[spec.restore]
            if result is None or spec.scratch:
                await self._clear(spec.restore, database)
            else:
                note = Note(database=database, result=result)
                await self._write(spec.restore, note)
                self._notes[spec.restore] = note
            self._changed()

    async def _discard(self, order: DatabaseOrder, spec: RestoreSpec) -> Outcome:
        if (work := self._running.get(spec.restore)) is not None:
            work.task.cancel()
        async with self._turns[spec.restore]:
            note = self._notes.get(spec.restore)
            await self._remove(spec.restore, note.database if note else order.database)
            self._notes.pop(spec.restore, None)
            self._unread.discard(spec.restore)
        self._changed()
        return _outcome(order, "done", "nothing of it is left")

    def origin(self, database: DatabaseSpec) -> Origin:
        """Of which restore the data in place are, as its list asks. Without programs of its version
        nobody knows where they are, and nothing starts."""
        if not database.adopts and not database.gave_up:
            return Origin()
        key = (database.replica, database.version)
        try:
            if key not in self._targets:
                self._targets[key] = places.target_of(database, self._place(database))
        except EngineFailed:
            return Origin()
        return places.origin(database, self._targets[key])

    async def adopt(self, order: DatabaseOrder, replica: Replica) -> Outcome:
        """The staged data become the replica's. Whatever is in their place is kept; a server that
        runs on it ends first where its list says that this restore takes its place."""
        spec = _named(order)
        await replica.take(order.database)
        async with self._turns[spec.restore], replica.turn:
            await replica.adopt()
            await replica.look()
            origin = await asyncio.to_thread(self.origin, _adopting(order.database, spec))
            if origin.adopted != spec.restore:
                note = self._notes.get(spec.restore)
                if note is None or note.result is None:
                    return _outcome(order, "failed", NOTHING)
                if replica.server.is_running and replica.spec.adopts == spec.restore:
                    await replica.server.stop()
                if replica.server.is_running:
                    return _outcome(order, "failed", "a server runs on the data in place")
                await self._put(order.database, spec.restore)
                await replica.look()
            await self._forget(order.database, spec.restore)
        replica.forgive()
        self._changed()
        return _outcome(order, "done", "its data are in place")

    # ------------------------------------------------------------------ the disk

    async def take_place(self, database: DatabaseSpec) -> None:
        """By its list. Whoever holds the turn of that restore does as much, or removes it."""
        turn = self._turns[database.adopts]
        if turn.locked():
            raise Refused("an order about that restore is being carried out")
        async with turn:
            await self._put(database, database.adopts)
            await self._forget(database, database.adopts)

    def is_staged(self, database: DatabaseSpec) -> bool:
        note = self._notes.get(database.adopts)
        return note is not None and note.result is not None

    async def put_back(self, database: DatabaseSpec) -> None:
        """By its list: what a restore that was given up took the place of."""
        await places.put_back(database, self._place(database))

    async def _put(self, database: DatabaseSpec, name: str) -> None:
        """A note whose data are gone is forgotten: nothing is stopped for it again."""
        if not await places.put(database, name, self._place(database)):
            await self._forget(database, name)
            raise Refused(NOTHING)

    async def _forget(self, database: DatabaseSpec, name: str) -> None:
        """It is in place: nothing is staged any more."""
        self._notes.pop(name, None)
        await self._clear(name, database)

    async def _write(self, name: str, note: Note) -> None:
        private_folder(self._folder)
        await asyncio.to_thread(
            write_atomic, self._folder / f"{name}.json", msgspec.json.encode(note)
        )

    async def _remove(self, name: str, database: DatabaseSpec) -> None:
        """The data first: the note stands while some of them may. Raises `OSError`."""
        from recovery.agent.backups.restoring import bringing  # noqa: PLC0415

        try:
            await bringing.remove(database, name, self._place(database))
        except EngineFailed as error:  # no programs of that version: nothing was ever staged
            _log.warning("restore %s: %s", name, error)
        await asyncio.to_thread((self._folder / f"{name}.json").unlink, missing_ok=True)

    async def _clear(self, name: str, database: DatabaseSpec) -> None:
        """As far as the disk lets it: its note brings the next start, or a discard, back to it."""
        try:
            await self._remove(name, database)
        except OSError as error:
            _log.warning("restore %s: some of it is left: %s", name, error)


def _named(order: DatabaseOrder) -> RestoreSpec:
    """A name is a folder here, so it is an id and nothing else."""
    spec = order.restore
    if spec is None or not spec.restore.replace("-", "").isalnum():
        raise BadMessage("an order about a restore names it", field="restore")
    return spec


def _adopting(database: DatabaseSpec, spec: RestoreSpec) -> DatabaseSpec:
    """An order says so where the list does not: on another host than before nothing is replaced."""
    return msgspec.structs.replace(database, adopts=spec.restore)


def _running(name: str, work: _Work) -> RestoreFact:
    progress = work.progress
    left, still = progress.seconds_left, progress.still
    return RestoreFact(
        restore=name,
        replica=work.replica,
        state="running",
        phase=progress.phase,
        done=progress.done,
        total=progress.total,
        speed=progress.speed if progress.done else 0.0,
        left_ms=-1 if left is None else int(left * 1000),
        still_ms=-1 if still is None else int(still * 1000),
    )


def _staged(name: str, note: Note) -> RestoreFact:
    size = note.result.size if note.result else 0
    speed = note.result.speed if note.result else 0.0
    return RestoreFact(
        restore=name,
        replica=note.database.replica,
        state="staged",
        phase="proven",
        done=size,
        total=size,
        speed=speed,
        left_ms=0,
    )


def _words(error: Exception) -> str:
    """Nothing but what says so itself is held against the archive."""
    return f"{ARCHIVE}{error}" if getattr(error, "blames_archive", False) else str(error)


def _outcome(order: DatabaseOrder, state: OutcomeState, detail: str) -> Outcome:
    return Outcome(operation=order.operation, epoch=order.epoch, state=state, detail=detail[:1000])
