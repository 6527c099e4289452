"""A PostgreSQL database brought back from a store, verified before anything is replaced.

    restore-ID.partial/     everything of it: removed when it fails, swept when it was killed
    data                    appears by one rename, after the restored server started, answered and
                            ended in order; what was there before goes to kept/ by one rename

Invariants: what is in place stays until what is new is verified; a refusal leaves nothing behind
but its reason; what a killed one left is gone at the next `sweep`, its server with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from psycopg import sql

from recovery.adapters.databases import leftovers
from recovery.adapters.databases.folders import Folder, sync_folder
from recovery.adapters.databases.postgresql.layout import Layout, failure
from recovery.adapters.databases.postgresql.programs import installed
from recovery.adapters.databases.running import LOCK, alone
from recovery.agent.backups import canary
from recovery.agent.backups.fetch import ArchiveFault, RestoreRefused, Source, blamed
from recovery.agent.backups.progress import Progress
from recovery.agent.backups.restoring.lineage import Lineage, replayed
from recovery.agent.backups.restoring.scratch import Scratch
from recovery.agent.backups.restoring.segments import Segments
from recovery.agent.backups.restoring.unpack import Pace, laid, settle, unpack
from recovery.agent.backups.restoring.warming import Warming
from recovery.core.archive import Chunk, Manifest, RestorePlan, refuse_short, told
from recovery.core.clock import system
from recovery.core.ports import DATABASE, EngineFailed, Login, Place
from recovery.engines.places import beside

_log = logging.getLogger("tocsin.agent.restore")
_RESERVE = 256 << 20
_PARTIAL = "restore-*.partial"


@dataclass(frozen=True, slots=True)
class Restored:
    """`moment`: every commit acknowledged up to then is there: by the archive's names, and by where
    the replay ended. `canary`: the newest one that was
    read back, None where none was ever sung. `size`: bytes unpacked, in `seconds`; `fetched`: the
    seconds of them until everything was on the disk for good."""

    backup: str
    moment: datetime
    canary: datetime | None
    timeline: int
    size: int
    seconds: float
    fetched: float

    @property
    def speed(self) -> float:
        """Bytes a second, fetched and unpacked."""
        return self.size / max(1e-6, self.fetched)


@dataclass(frozen=True, slots=True)
class Inside:
    """What is asked of a restored server, and by whom. `changes`: made to its data before they
    are put in place."""

    admin: str = Login.ADMIN.value
    database: str = DATABASE
    changes: tuple[sql.Composed, ...] = field(default=(), repr=False)


class Restore:
    """One restore into the folder of `place`, whose `version` must be the backup's."""

    def __init__(
        self,
        source: Source,
        place: Place,
        version: str,
        *,
        seconds: float = 3600.0,
        inside: Inside | None = None,
    ) -> None:
        self._source, self._place, self._version = source, place, version
        self._inside = inside or Inside()
        self._seconds = seconds
        self._target = Layout(place, version)
        self.progress = Progress()

    async def run(
        self, to: datetime | None = None, *, check_pages: bool = False, timeline: int = 0
    ) -> Restored:
        """To the newest moment, or to `to`. Raises `RestoreRefused`, `EngineFailed` or
        `StoreError`; then everything is as it was. Data in place must be a stopped server's by the
        time that they are replaced. `check_pages`: reads every page's checksum too. `timeline`:
        the highest that anybody knows, as far as the store itself does not: the restored server
        begins a new one above it."""
        began = system.monotonic()
        await sweep(self._target.seat.folder)
        self.progress.phase = "planning"
        plan, manifest = await self._source.plan(to)
        self._check(plan, manifest)
        folder = self._target.seat.folder / f"restore-{secrets.token_hex(4)}.partial"
        layout = Layout(replace(self._place, folder=folder), self._version)
        try:
            async with alone(folder) as lock:
                await self._fill(layout, plan, manifest)
                fetched = system.monotonic() - began
                taken = max(timeline, self._source.timeline)
                restored = await self._prove(layout, plan, lock, taken, check_pages=check_pages)
                self.progress.phase = "putting in place"
                await settle(folder)
                await self._swap(layout)
        finally:
            await asyncio.to_thread(clear, folder)
        self.progress.ended()
        seconds = system.monotonic() - began
        return replace(restored, size=self.progress.done, seconds=seconds, fetched=fetched)

    def _check(self, plan: RestorePlan, manifest: Manifest) -> None:
        """Before the first byte comes."""
        if manifest.engine != "postgresql":
            raise self._source.refused(
                str(plan.name), f"backup {manifest.backup} is one of {manifest.engine}"
            )
        if manifest.major != self._target.major:
            here = ", ".join(str(each) for each in sorted(installed()))
            raise RestoreRefused(
                self._source.refused(
                    "",
                    f"host: backup {manifest.backup} is PostgreSQL {manifest.major}'s, and "
                    f"PostgreSQL {self._target.major} was asked for; this host has {here}. "
                    f"Restore it as {manifest.major}, then upgrade",
                ).refusal
            )
        log = sum(chunk.stop - chunk.start for chunk in plan.chunks)
        free = shutil.disk_usage(self._target.seat.folder).free
        needed = manifest.plain + 2 * log + _RESERVE
        if free < needed:
            raise EngineFailed(
                f"host: the restored data need {needed >> 20} MiB, {free >> 20} MiB are free",
                kept="Nothing was changed.",
                todo="Free space on this host, or restore on another one.",
            )

    async def _fill(self, layout: Layout, plan: RestorePlan, manifest: Manifest) -> None:
        data, progress = layout.files.data, self.progress
        data.mkdir(mode=0o700)
        log = sum(chunk.stop - chunk.start for chunk in plan.chunks)
        progress.begin(
            "fetching the base", total=manifest.plain + log, replay=_to_replay(plan), log=log
        )
        pace = Pace(layout.seat.folder, progress.is_safe)
        try:
            await unpack(self._counted(plan, manifest), data, pace)
            progress.phase = "fetching the log"
            await self._lay_log(data / "pg_wal", plan, pace)
            if layout.seat.owner:
                for path in [data, *data.rglob("*")]:
                    layout.own(path)
        finally:
            await pace.end()
        self._source.let_go()
        await settle(layout.seat.folder)
        progress.brought()

    async def _counted(self, plan: RestorePlan, manifest: Manifest) -> AsyncGenerator[memoryview]:
        async with contextlib.aclosing(self._source.parts(plan, manifest)) as pieces:
            async for piece in pieces:
                yield piece
                self.progress.came(len(piece))

    async def _lay_log(self, folder: Path, plan: RestorePlan, pace: Pace) -> None:
        segments = Segments(folder, plan)
        by_name: dict[str, Chunk] = {str(chunk): chunk for chunk in plan.chunks}
        try:
            async with contextlib.aclosing(self._source.each(list(by_name))) as found:
                async for name, data in found:
                    chunk = by_name[name]
                    if len(data) != chunk.stop - chunk.start:
                        raise self._source.refused(name, f"{name} has {len(data)} bytes of the log")
                    await pace.wrote(len(data), await laid(partial(segments.lay, chunk, data)))
                    self.progress.came(len(data))
            await laid(segments.end)
        finally:
            await laid(segments.close)
        for history in plan.histories:
            text = await self._source.get(str(history))
            path = folder / f"{history.timeline:08X}.history"
            path.touch(mode=0o600)
            path.write_bytes(text)

    async def _prove(
        self, layout: Layout, plan: RestorePlan, lock: int, taken: int, *, check_pages: bool
    ) -> Restored:
        """The server starts, replays, answers, and ends in order."""
        self.progress.phase = "replaying the log"
        inside = self._inside
        scratch = Scratch(layout, lock, Lineage(plan, taken), inside.admin)
        try:
            async with Warming(layout.files.data / "pg_wal") as warming:
                await scratch.recover(plan.to, self._seconds, self._replayed(plan, warming))
            self.progress.proving()
            self.progress.phase = "asking it"
            (timeline,) = await scratch.row(
                "postgres", "SELECT timeline_id FROM pg_control_checkpoint()"
            )
            (tables,) = await scratch.row(inside.database, "SELECT count(*) FROM pg_class")
            if not tables:
                raise ArchiveFault("the restored database has no catalogue")
            seen = await _canary(scratch, inside.database)
            end = await asyncio.to_thread(replayed, layout.files.data / "pg_wal", int(timeline))
            if refusal := refuse_short(plan, end, seen):
                raise RestoreRefused(refusal)
            for statement in inside.changes:
                await scratch.change(statement)
            await scratch.stop()
            await asyncio.to_thread(scratch.lineage.clear, layout.files.data / "pg_wal")
        finally:
            await scratch.kill()
        if check_pages:
            self.progress.phase = "reading every page"
            data = str(layout.files.data)
            done = await layout.run("pg_checksums", "--check", "-D", data, keep=lock)
            if done.code:
                raise blamed(str(failure("pg_checksums", done)))
        return Restored(plan.name.backup, plan.moment, seen, int(timeline), 0, 0.0, 0.0)

    def _replayed(self, plan: RestorePlan, warming: Warming) -> Callable[[int], None]:
        def told(position: int) -> None:
            warming.replayed(position)
            self.progress.replayed(position - plan.name.start)

        return told

    async def _swap(self, layout: Layout) -> None:
        async with alone(self._place.folder):
            self._target.check_stopped()
            put_in_place(self._target.files, layout.files.data)


def _to_replay(plan: RestorePlan) -> int:
    """Bytes of the log from the base's own position to its end."""
    return max([0, *(chunk.stop - plan.name.start for chunk in plan.chunks)])


async def _canary(scratch: Scratch, database: str) -> datetime | None:
    (there,) = await scratch.row(database, f"SELECT to_regclass('{canary.TABLE}') IS NOT NULL")
    if not there:
        return None
    (newest,) = await scratch.row(database, canary.NEWEST)
    if newest is not None and not isinstance(newest, datetime):
        raise ArchiveFault(f"the newest canary is {newest!r}")
    return newest


def put_in_place(target: Folder, data: Path) -> None:
    """Two renames; whoever is killed between them finds the old data in kept/, and the new ones in
    no place: the restore is asked for again."""
    if target.data.exists():
        target.put_aside()
    data.rename(target.data)
    sync_folder(target.path)


def clear(folder: Path) -> None:
    """Nothing is left of it, nor of the places that its server made for itself elsewhere."""
    for place in (*beside(folder), folder):
        shutil.rmtree(place, ignore_errors=True)


async def sweep(folder: Path) -> int:
    """What killed restores left in a replica's folder is gone afterwards; gives their number."""
    count = 0
    for left in await asyncio.to_thread(lambda: [*folder.glob(_PARTIAL)]):
        with contextlib.suppress(EngineFailed):
            async with alone(left, seconds=1.0):
                await asyncio.to_thread(leftovers.end, left / LOCK)
                await asyncio.to_thread(clear, left)
                count += 1
    return count


def sentence(done: Restored) -> str:
    """For people."""
    found = f"its newest canary is of {told(done.canary)}" if done.canary else "it has no canary"
    return (
        f"Restored backup {done.backup} to {told(done.moment)} in {done.seconds:.1f} s, "
        f"{done.speed / 1e6:.0f} MB/s; {found}."
    )
