"""What a spool may forget before every store has it, when its disk is nearly full. Pure.

Invariants: nothing that no answering store has; a backup only as a whole, and only where the spool
has a newer whole one; of the newest whole backup, and of one that is being made, nothing; never the
newest piece of the log, for by it the log goes on. So whatever is forgotten, the spool still holds
a backup that can be restored, and a new one joins the log that is still to come.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from recovery.core.archive import (
    Backup,
    Chunk,
    History,
    ManifestName,
    Part,
    RetentionPolicy,
    coverage,
    parse,
    retention,
    segment_start,
)
from recovery.core.ports.stores import ObjectInfo

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
Objects = Mapping[str, ObjectInfo]


def forgettable(
    objects: Objects,
    answering: Sequence[AbstractSet[str]],
    now: datetime,
    policy: RetentionPolicy,
    since: datetime | None = None,
) -> tuple[ObjectInfo, ...]:
    """In the order in which they go: the log before the oldest kept backup, older backups, then the
    log after the newest one, oldest first: what one store has that can go on by itself, and at last
    what no store alone has, for a database whose disk is full is worse. `answering`: what each
    store that answers has now; `since`: when the backup was begun that is being made."""
    held: set[str] = set().union(*answering)
    old = retention(objects.values(), now, policy)
    log = [name for name in old if name in held and isinstance(parse(name), Chunk | History)]
    after = _after(objects, held, since)
    alone = _alone(objects, answering, after)
    names = [*log, *_backups(old, answering), *(name for name in after if name in alone), *after]
    return tuple(objects[name] for name in dict.fromkeys(names))


def enough(candidates: Iterable[ObjectInfo], missing: int) -> tuple[str, ...]:
    """The first of these that make so much room."""
    names: list[str] = []
    for each in candidates:
        if missing <= 0:
            break
        names.append(each.name)
        missing -= each.size
    return tuple(names)


def needs_base(has: Collection[str], objects: Objects) -> bool:
    """Whether a store that gets all that is left here could not give back the newest of it."""
    newest = _newest(objects)
    if newest is None:
        return False
    ours = {name for name in (*objects, *has) if name.startswith(newest.line.prefix)}
    seen = coverage(objects.get(name) or ObjectInfo(name, 0, _LONG_AGO) for name in ours)
    if seen.reach is None:
        return True
    return (seen.reach.timeline, seen.reach.lsn) < (newest.timeline, newest.stop)


def is_broken(objects: Objects) -> bool:
    """Whether the log here no longer follows a backup that is here."""
    return needs_base((), objects)


def _backups(old: Sequence[str], answering: Sequence[AbstractSet[str]]) -> list[str]:
    """Those with a manifest of which one store has all."""
    names: dict[str, list[str]] = {}
    finished: set[str] = set()
    for name in old:
        each = parse(name)
        if isinstance(each, ManifestName | Part):
            names.setdefault(each.backup, []).append(name)
        if isinstance(each, ManifestName):
            finished.add(each.backup)
    whole = [each for each in finished if any(has >= {*names[each]} for has in answering)]
    return [name for each in sorted(whole) for name in names[each]]


def _alone(
    objects: Objects, answering: Sequence[AbstractSet[str]], after: Sequence[str]
) -> AbstractSet[str]:
    """What the one store has that has most of it: with what stays here it gives back everything.
    Pieces in two stores of which neither has the other's would be of use to nobody."""
    able = [has for has in answering if not needs_base(has, objects)]
    return max(able, key=lambda has: sum(name in has for name in after), default=frozenset())


def _after(objects: Objects, held: AbstractSet[str], since: datetime | None) -> list[str]:
    whole, newest = coverage(objects.values()).newest, _newest(objects)
    chunks = sorted(_chunks(objects), key=lambda each: (each.line, each.timeline, each.order))
    floor = _floor(chunks, objects, since)
    return [
        str(each)
        for each in chunks
        if str(each) in held
        and each != newest
        and not _belongs(each, whole)
        and (floor is None or (each.timeline, each.stop) <= floor)
    ]


def _chunks(objects: Objects) -> list[Chunk]:
    return [each for each in map(parse, objects) if isinstance(each, Chunk)]


def _newest(objects: Objects) -> Chunk | None:
    """The piece of the log that came last."""
    key = lambda each: (objects[str(each)].modified, each.timeline, each.order)  # noqa: E731
    return max(_chunks(objects), key=key, default=None)


def _belongs(chunk: Chunk, backup: Backup | None) -> bool:
    """Whether a backup cannot be restored without it."""
    if backup is None or backup.name.kind != "base":
        return False
    name = backup.name
    is_same = (chunk.line, chunk.timeline) == (name.line, name.timeline)
    return is_same and chunk.stop >= segment_start(name.start) and chunk.start <= name.stop


def _floor(
    chunks: Sequence[Chunk], objects: Objects, since: datetime | None
) -> tuple[int, int] | None:
    """From here on a backup that is being made may need it: from the segment on in which the log
    was when it began, at the latest after the newest piece."""
    if since is None or not chunks:
        return None
    later = [each for each in chunks if objects[str(each)].modified >= since]
    if not later:
        return chunks[-1].timeline, segment_start(chunks[-1].stop)
    return later[0].timeline, segment_start(later[0].start)
