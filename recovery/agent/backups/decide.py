"""Where the archive of a log goes on, and what is due. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.adapters.databases.postgresql.forks import Ended
from recovery.core.archive import (
    SEGMENT,
    Chunk,
    Coverage,
    begun_at,
    lsn_text,
    parse,
    segment_start,
)
from recovery.core.errors import Refused
from recovery.core.ports import EngineFailed, ObjectInfo

RESERVE = SEGMENT
PATIENCE = timedelta(minutes=10)
"""The end of a backup's log may come a little after its manifest."""


@dataclass(frozen=True, slots=True, order=True)
class End:
    """The log is archived up to this position of this timeline."""

    timeline: int
    position: int


def ends_of(names: Iterable[str], system: str) -> tuple[End, ...]:
    """The furthest that any of these objects reaches, of each timeline."""
    found: dict[int, int] = {}
    for name in names:
        chunk = parse(name)
        if isinstance(chunk, Chunk) and chunk.line.system == system:
            found[chunk.timeline] = max(found.get(chunk.timeline, 0), chunk.stop)
    return tuple(End(timeline, stop) for timeline, stop in sorted(found.items()))


def furthest(ends: Iterable[End], timeline: int, ended: tuple[Ended, ...]) -> End | None:
    """What a server of `timeline` goes on from. One that is newer than all that is archived, and
    does not descend from it, was restored from before it: it goes on from where it descends, and
    what the archive has of the history that was left stays nobody's."""
    known = {each.timeline for each in ended}
    seen = tuple(ends)
    newest = max(seen, default=None)
    if newest is None or newest.timeline >= timeline or newest.timeline in known:
        return newest
    return max((each for each in seen if each.timeline in known), default=None)


def next_leg(end: End | None, timeline: int, flushed: int, ended: tuple[Ended, ...]) -> End:
    """The timeline and position to stream from, on a server at `flushed` of `timeline`.

    `ended`: its history. A timeline begins with the segment in which it left its parent. Refuses
    a server that does not continue what is archived.
    """
    if end is None:
        return End(timeline, segment_start(flushed))
    if end.timeline == timeline:
        if end.position > flushed:
            raise Refused(
                f"The archive has timeline {timeline} up to {lsn_text(end.position)}, and the "
                f"server's log ends at {lsn_text(flushed)}: it lost a part of its data, or is "
                "another one.",
                todo="Restore from the archive, or give this database another name.",
            )
        return end
    known = [each.timeline for each in ended]
    if end.timeline not in known:
        raise Refused(
            f"The archive has timeline {end.timeline}, and the server's timeline {timeline} does "
            "not descend from it: it is not the primary that the archive follows.",
            todo="Let it follow the primary.",
        )
    position = end.position
    for each in ended[known.index(end.timeline) : -1]:
        begin = segment_start(each.end)
        if position < begin:
            return End(each.timeline, position)
        position = begin
    return End(timeline, position)


def pause(failed: int, first: float, longest: float, dice: float) -> float:
    """Seconds until a backup that failed so many times in a row is begun again. `dice`: 0 to 1, so
    that those who failed together do not come back together."""
    doubled = min(longest, first * 2.0 ** min(failed - 1, 32))
    return doubled * (0.75 + dice / 2)


def slowness(store: str, lag: timedelta, waiting: int, speed: float) -> str:
    """`speed`: bytes a second of what it took last; 0 when it has taken nothing yet."""
    pace = f"the last one went at {speed / 1e6:.2f} MB/s" if speed else "none has gone through yet"
    return (
        f"{store} is slow: its log is {lag.total_seconds():.0f} s behind, {waiting} objects wait, "
        f"and {pace}."
    )


IN_FLIGHT = 24 << 20
"""Bytes of a backup's pieces that are on their way to the spool's disk at once."""
TELLING = 64 << 20
"""How well the rest packs is held to be known after so many bytes, or a twentieth of all."""


def packs_to(size: int, plain: int, sealed: int) -> int:
    """What so many bytes take when `plain` of them took `sealed`."""
    return size * sealed // max(1, plain)


def room_for(database: str, needs: int, free: int) -> None:
    """Refuses where a base backup would fill the disk of the spool, on which the log lives too."""
    if free < needs + RESERVE:
        raise Refused(
            f"No base backup of {database} is begun: it needs about {_mib(needs)} of the spool's "
            f"disk beside {_mib(RESERVE)} for the log, and {_mib(free)} are free.",
            todo=_MORE,
        )


def still_fits(database: str, total: int, plain: int, sealed: int, free: int) -> None:
    """While it comes: `plain` of `total` bytes took `sealed` on the spool's disk. Stops it before
    the log's own room is touched, and as soon as it is plain that the rest will not fit."""
    rest = max(0, total - plain)
    if plain >= max(TELLING, total // 20):
        needs = packs_to(rest, plain, sealed)
    else:
        needs = min(rest, IN_FLIGHT)
    if free >= needs + RESERVE:
        return
    raise EngineFailed(
        f"The base backup of {database} was stopped: {_mib(plain)} of {_mib(total)} took "
        f"{_mib(sealed)} of the spool's disk, the rest needs about {_mib(needs)} beside "
        f"{_mib(RESERVE)} for the log, and {_mib(free)} are free",
        kept="Nothing of it is left, and the log goes on.",
        todo=_MORE,
    )


_MORE = "Free space there, or give the spool a larger disk."


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"


def snapshot_is_due(begun: Iterable[datetime], now: datetime, every: timedelta) -> bool:
    """By the newest that no clock ahead has named: of such a one nobody knows when it was taken."""
    known = [each for each in begun if each <= now + PATIENCE]
    return not known or now - max(known) >= every


def of_now(objects: Iterable[ObjectInfo], now: datetime) -> tuple[ObjectInfo, ...]:
    """Without the snapshots of a clock that stood ahead of this one: on the disk of whoever wrote
    them their stamps are as wrong as their names. They would be kept as the newest, and what was
    taken since be removed; they stay until their time comes."""
    return tuple(
        each for each in objects if each.modified <= now + PATIENCE or "/snapshot/" not in each.name
    )


def base_is_due(
    seen: Coverage,
    now: datetime,
    every: timedelta,
    system: str,
    spared: timedelta = timedelta(0),
) -> bool:
    """None that the newest log can follow, or the newest one is old: by its position, for a clock
    that stood ahead names one after every later one, and none for years.

    `spared`: how old the newest has to be where its log was forgotten for want of room, so that
    bases do not fill it."""
    ours = [each for each in seen.backups if each.name.line.system == system]
    if not ours:
        return True
    newest = max(ours, key=lambda each: (each.name.timeline, each.name.start))
    begun = begun_at(newest.name.backup)
    if begun is None or not -PATIENCE <= now - begun < every:
        return True
    if newest.chain.gap:
        return now - begun >= spared
    return not newest.is_restorable and now - begun >= PATIENCE
