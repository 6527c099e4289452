"""What each database would lose if the datacenter were given up: the copy that goes furthest. Pure.

Invariant: each database has exactly one line and stands in exactly one bin; what nobody saw is
"not known", and what is nowhere else "can't be restored": neither is ever a small loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from recovery.backups.words import instant, spoken
from recovery.brief.facts import ArchiveFact, DatabaseFact, StandbyFact, Way
from recovery.brief.parts import Bin, Loss

NOTHING = timedelta(0)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def losses(databases: Sequence[DatabaseFact]) -> tuple[Loss, ...]:
    """Worst first: what can't be restored, what is over its promise, what nobody knows, the rest by
    how much of its promise it would use."""
    return tuple(sorted((loss_of(one) for one in databases), key=_rank))


def _rank(loss: Loss) -> tuple[int, float, str]:
    order = {"down": 0, "risk": 1, "unknown": 2, "": 3}
    lost = loss.lost.total_seconds() if loss.lost is not None else 0.0
    return order[loss.tone], -lost, loss.database


def loss_of(database: DatabaseFact) -> Loss:
    """A standby that was seen comes first: it is there at once. Else the archive."""
    best = best_standby(database.standbys)
    if best is not None:
        return _promoted(database, best)
    unseen = tuple(f"the copy on {one.host} in {one.site}: {one.why}" for one in database.standbys)
    if database.archive is not None:
        return _restored(database, database.archive, unseen)
    way = Way.UNKNOWN if database.standbys else Way.NONE
    source = "a standby that nobody sees" if unseen else "nothing that could be used"
    return _loss(database, way, source, (*unseen, *database.why_not))


def best_standby(standbys: Sequence[StandbyFact]) -> StandbyFact | None:
    """Of those that were seen the one that goes furthest; brief and plan name the same."""
    seen = [(one.at, one.host, one) for one in standbys if one.at is not None]
    return max(seen, key=lambda each: each[:2])[2] if seen else None


def named_standby(one: StandbyFact) -> str:
    """As a brief and a plan name it."""
    return f"standby {one.host} in {one.site}"


def lost_since(until: datetime, at: datetime | None) -> timedelta | None:
    """What came after this moment, as far as anybody saw; `until`: the last moment at which
    something can have been acknowledged."""
    return None if at is None else max(NOTHING, until - at)


def _promoted(database: DatabaseFact, best: StandbyFact) -> Loss:
    notes = [best.why]
    assert best.at is not None, "it was seen"
    if database.archive and database.archive.at > best.at:
        further = spoken(database.archive.at - best.at)
        notes.append(f"replica {database.archive.replica} goes {further} further, and takes longer")
    source = named_standby(best)
    return _loss(database, Way.PROMOTE, source, tuple(notes), best)


def _restored(database: DatabaseFact, archive: ArchiveFact, unseen: tuple[str, ...]) -> Loss:
    notes = [*unseen]
    if archive.error:
        notes.append("it cannot be read now: if its store is gone, so is this copy")
    elif archive.is_unread:
        notes.append("it was not read lately: it may go further, never less far")
    if archive.unusable:
        notes.append(archive.unusable)
    if archive.proven_at is None:
        notes.append("never restored for proof")
    source = f"replica {archive.replica} in {archive.site}"
    notes += database.why_not
    return _loss(database, Way.RESTORE, source, tuple(notes), archive)


def _loss(
    database: DatabaseFact,
    way: Way,
    source: str,
    notes: tuple[str, ...],
    copy: StandbyFact | ArchiveFact | None = None,
) -> Loss:
    at = copy.at if copy is not None else None
    lost = lost_since(database.until, at)
    return Loss(
        database=database.name,
        plan=database.plan,
        engine=database.engine,
        priority=database.priority,
        way=way,
        at=at,
        lost=lost,
        promise=database.promise,
        source=source,
        bytes=copy.bytes if isinstance(copy, ArchiveFact) else None,
        notes=notes,
    )


def bins(found: Sequence[Loss]) -> tuple[Bin, ...]:
    """From nothing to everything; empty ones are left out."""
    counts: dict[tuple[str, str], int] = {}
    for loss in found:
        key = _bin(loss)
        counts[key] = counts.get(key, 0) + 1
    return tuple(Bin(counts[key], *key) for key in ORDER if key in counts)


LOSES_NOTHING = ("lose nothing", "")
UNDER_A_MINUTE = ("under a minute", "")
MINUTES = ("1 to 60 min", "")
HOURS = ("an hour or more, in promise", "")
OVER = ("over the promise", "risk")
NOT_KNOWN = ("not known", "unknown")
GONE = ("can’t be restored", "down")
ORDER = (LOSES_NOTHING, UNDER_A_MINUTE, MINUTES, HOURS, OVER, NOT_KNOWN, GONE)


def _bin(loss: Loss) -> tuple[str, str]:
    if loss.way is Way.NONE:
        return GONE
    if loss.lost is None:
        return NOT_KNOWN
    if loss.is_over:
        return OVER
    if loss.lost == NOTHING:
        return LOSES_NOTHING
    if loss.lost < MINUTE:
        return UNDER_A_MINUTE
    return MINUTES if loss.lost < HOUR else HOURS


def span(lost: timedelta) -> str:
    """40 s, 31 min; never rounded down to nothing."""
    return "under 1 s" if NOTHING < lost < timedelta(seconds=1) else spoken(lost)


def say(found: Sequence[Loss]) -> str:
    """What would be lost at most, in a clause: of what is known, what isn't, what is gone."""
    known = [one for one in found if one.lost is not None]
    parts = []
    if known:
        worst = max(known, key=lambda one: one.lost or NOTHING)
        if worst.lost == NOTHING:
            parts.append("nothing that was acknowledged")
        elif worst.lost is not None and worst.at is not None:
            parts.append(f"at most {span(worst.lost)} ({worst.database}, to {instant(worst.at)})")
    if gone := sum(one.way is Way.NONE for one in found):
        parts.append(f"{gone} can’t be restored")
    if unknown := sum(one.way is Way.UNKNOWN for one in found):
        parts.append(f"of {unknown} nobody knows")
    return ", ".join(parts)
