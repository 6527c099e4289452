"""Archives made of names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from recovery.core.archive import (
    SEGMENT,
    Chunk,
    History,
    Line,
    Manifest,
    ManifestName,
    PartFact,
    backup_name,
)
from recovery.core.ports.stores import ObjectInfo

BEGAN = datetime(2026, 11, 28, 12, tzinfo=UTC)
LINE = Line("shop", "7412345678901234567")
SIZE = 100


def at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def info(name: object, size: int = SIZE, modified: datetime = BEGAN) -> ObjectInfo:
    return ObjectInfo(str(name), size, modified)


def base(
    minute: float,
    start: int,
    stop: int | None = None,
    *,
    timeline: int = 1,
    parts: int = 2,
    line: Line = LINE,
) -> ManifestName:
    """A base backup that began at this minute and took half of one."""
    name, end = backup_name(at(minute), "5f3a"), at(minute + 0.5)
    stop = start if stop is None else stop
    return ManifestName(line, "base", name, timeline, start, stop, parts, end)


def snapshot(minute: float, *, parts: int = 1, line: Line = LINE) -> ManifestName:
    name = backup_name(at(minute), "0abc")
    return ManifestName(line, "snapshot", name, 0, 0, 0, parts, at(minute))


def whole(name: ManifestName, lost: Iterable[int] = ()) -> list[ObjectInfo]:
    """All objects of a backup but these pieces."""
    gone = set(lost)
    came = name.moment or BEGAN
    numbers = [number for number in range(name.parts) if number not in gone]
    return [*(info(name.part(number), modified=came) for number in numbers), info(name, SIZE, came)]


def chunk(
    start: float, stop: float, minute: float | None = None, *, timeline: int = 1
) -> ObjectInfo:
    """Positions in segments."""
    begin, end = int(start * SEGMENT), int(stop * SEGMENT)
    moment = None if minute is None else at(minute)
    return info(Chunk(LINE, timeline, begin, end, moment), modified=moment or BEGAN)


def history(timeline: int, parent: int, switch: float) -> ObjectInfo:
    return info(History(LINE, timeline, parent, int(switch * SEGMENT)))


def manifest(name: ManifestName, size: int = SIZE) -> Manifest:
    return Manifest(
        engine="postgresql",
        major=18,
        version="18.6",
        database=name.line.database,
        system=name.line.system,
        backup=name.backup,
        timeline=name.timeline,
        start=name.start,
        stop=name.stop,
        segment=SEGMENT,
        begun=0,
        ended=0,
        key="k1",
        parts=(PartFact(size, "", size),) * name.parts,
    )
