"""A listing of an archive as what we keep of it. Pure: what the agent says plays no part in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recovery.core.archive import Backup, Chunk, Line, begun_at, coverage, lsn_text, parse
from recovery.core.ports.stores import ObjectInfo


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A backup with its manifest: `ended` when the manifest came, by the store's clock."""

    backup: str
    begun: datetime
    ended: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What one listing shows. `moment` None: nothing can be restored from it; `opens`: from when on
    every moment up to that one can be, but for those within `cuts`; None: no other."""

    moment: datetime | None
    lsn: str
    tail: str
    base: str
    missing: tuple[str, ...]
    is_cut: bool
    bytes: int
    objects: int
    orphans: int
    runs: tuple[FinishedRun, ...]
    opens: datetime | None = None
    cuts: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """The log went on from the tail `after`, up to here; None: nothing more is proven by it."""

    replica: UUID
    at: datetime
    after: str
    tail: str
    lsn: str
    moment: datetime | None


@dataclass(frozen=True, slots=True)
class Look:
    """One replica's archive as it was at `at`: read, or why it could not be."""

    replica: UUID
    at: datetime
    reading: Reading | None
    error: str = ""


def tail_after(line: Line, timeline: int, position: int) -> str:
    """How the name of what follows there begins; empty where there is no log."""
    return f"{line.prefix}wal/{timeline:08X}/{position:016X}-" if position else ""


def timeline_of(tail: str) -> int:
    """Of such a name; 0 where there is no log."""
    return int(tail.split("/")[-2], 16) if tail else 0


def next_chunk(names: Iterable[str]) -> Chunk | None:
    """Of the pieces that begin where a tail ends, the one that reaches furthest, the newest of
    equals: where a whole listing would end too."""
    chunks = [found for name in names if isinstance(found := parse(name), Chunk)]
    return max(chunks, key=lambda chunk: chunk.order, default=None)


def read_listing(objects: Iterable[ObjectInfo]) -> Reading:
    """Everything of one database in one store."""
    listed = tuple(objects)
    found = coverage(listed)
    newest, reach = found.newest, found.reach
    written = {info.name: info.modified for info in listed}
    return Reading(
        moment=found.moment,
        lsn=lsn_text(reach.lsn) if reach is not None and reach.lsn else "",
        tail=tail_after(newest.name.line, reach.timeline, reach.lsn) if newest and reach else "",
        base=newest.name.backup if newest else "",
        missing=found.missing,
        is_cut=bool(found.missing) and (newest is None or bool(newest.problem)),
        bytes=found.bytes,
        objects=found.objects,
        orphans=len(found.orphans),
        runs=tuple(
            run
            for each in found.backups
            if (run := _run(each, written.get(str(each.name)))) is not None
        ),
        opens=found.opens,
        cuts=tuple((each.last, each.first) for each in found.cuts),
    )


def _run(backup: Backup, ended: datetime | None) -> FinishedRun | None:
    begun = begun_at(backup.name.backup)
    if begun is None or ended is None:
        return None
    return FinishedRun(backup.name.backup, begun, max(begun, ended), backup.bytes)
