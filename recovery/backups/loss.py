"""What would be lost if a datacenter vanished now (loss quote). Pure.

Invariants: what is quoted is what a restore would choose (ranking.py). A replica in the lost
datacenter, one whose place is unknown, and one that holds nothing restorable are never quoted; a
point that was not read lately is quoted at the age that it has by now, and said to be unread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.backups.decide import is_unread
from recovery.backups.distance import kilometres, where
from recovery.backups.facts import Copy, Database, Site
from recovery.backups.ranking import Rated
from recovery.backups.ranking import best as best_of
from recovery.backups.words import counted, instant, spoken


@dataclass(frozen=True, slots=True)
class Line:
    """One database: the replica that would be used, up to which moment; None: it cannot be
    restored. `why_not`: of the others, a sentence each. `standbys`: where it also runs."""

    database: str
    used: Copy | None
    at: datetime | None
    is_continuous: bool
    is_unread: bool
    why_not: tuple[str, ...]
    standbys: tuple[str, ...] = ()

    @property
    def unread_since(self) -> datetime | None:
        """When what is quoted was read last, where that is too long ago: it may go further by now,
        never less far."""
        return self.used.read_at if self.is_unread and self.used is not None else None

    def loses(self, now: datetime) -> timedelta | None:
        return None if self.at is None else max(timedelta(0), now - self.at)


@dataclass(frozen=True, slots=True)
class Group:
    """Databases of one kind of promise; `at`: the oldest moment among them; `unread_since`: since
    when not all of their archives are read, None: they are."""

    count: int
    at: datetime
    unread_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """What the loss of `site` would take with it; `untouched`: databases written elsewhere; `own`:
    Tocsin's own, where it stands there."""

    site: str
    lines: tuple[Line, ...]
    untouched: int
    own: Line | None = None

    @property
    def groups(self) -> tuple[Group, ...]:
        """Those that archive all the time first, then the daily ones."""
        found = []
        for continuous in (True, False):
            lines = [one for one in self.lines if one.is_continuous is continuous]
            ats = [one.at for one in lines if one.at]
            unread = [one.unread_since for one in lines if one.unread_since]
            if ats:
                found.append(Group(len(ats), min(ats), min(unread, default=None)))
        return tuple(found)

    @property
    def unrestorable(self) -> tuple[Line, ...]:
        return tuple(one for one in self.lines if one.used is None)


def quote_site(
    site: str, databases: Sequence[Database], now: datetime, own: Database | None = None
) -> Quote:
    """The databases that are written in this datacenter, each with what it would lose. `own`:
    Tocsin's own, where it is backed up at all."""
    here = [one for one in databases if one.primary == site]
    lines = tuple(_line(one, site, now) for one in here)
    itself = _line(own, site, now) if own is not None and own.primary == site else None
    return Quote(site, lines, len(databases) - len(here), itself)


def quote_left(database: Database, now: datetime) -> Line:
    """What comes back of one whose disk alone is lost: of every replica, wherever it is."""
    return _line(database, "", now)


def say(quote: Quote, now: datetime) -> str:
    """If OSU2 vanished now: 3 databases lose 40 s, 2 lose 17 h, 1 can't be restored."""
    itself = _say_own(quote.own, now) if quote.own else ""
    if not quote.lines:
        none = f"If {quote.site} vanished now, no database would be lost: none is written there."
        return f"{none}{itself}"
    parts = [
        f"{counted(one.count, 'database')} {'loses' if one.count == 1 else 'lose'}"
        f" {_bound(one)}{spoken(now - one.at)}{_unread(one.unread_since)}"
        for one in quote.groups
    ]
    if gone := len(quote.unrestorable):
        parts.append(f"{counted(gone, 'database')} can’t be restored")
    return f"If {quote.site} vanished now: {', '.join(parts)}.{itself}"


def _bound(group: Group) -> str:
    if group.unread_since:
        return "at most "
    return "up to " if group.count > 1 else ""


def _unread(since: datetime | None) -> str:
    return f" (not read since {instant(since)})" if since else ""


def _say_own(line: Line, now: datetime) -> str:
    if line.at is None:
        return " Tocsin itself can’t be restored."
    most, unread = "at most " if line.is_unread else "", _unread(line.unread_since)
    return f" Tocsin itself loses {most}{spoken(now - line.at)}{unread}."


def _line(database: Database, lost: str, now: datetime) -> Line:
    usable = [one for one in database.copies if not _unusable(one, lost)]
    best = best_of(usable, lambda one: _rated(one, database.home), database.terms(1).promise)
    why_not = [_unusable(one, lost) or _older(one, best) for one in database.copies if one != best]
    missing = [n for n in (1, 2, 3) if database.copy(n) is None]
    why_not += [f"there is no replica {n}." for n in missing]
    standbys = tuple(site for site in database.standbys if site != lost)
    if best is None or best.point is None:
        return Line(database.name, None, None, False, False, tuple(why_not), standbys)
    is_continuous = database.terms(best.number).is_continuous
    unread = is_unread(best, now)
    why = tuple(why_not)
    return Line(database.name, best, best.point.at, is_continuous, unread, why, standbys)


def _rated(copy: Copy, home: Site) -> Rated:
    far = kilometres(copy.place, home)
    return Rated(_at(copy), bool(copy.disproof), bool(copy.error), far, copy.number)


def _at(copy: Copy) -> datetime:
    assert copy.point is not None
    return copy.point.at


def _unusable(copy: Copy, lost: str) -> str:
    """Why this replica would be no help; empty where it would be."""
    if copy.place is None:
        return (
            f"replica {copy.number} lies in {where(copy)}: nobody knows whether it would be left."
        )
    if copy.place.name == lost:
        return f"replica {copy.number} is in {lost} too."
    if copy.point is None:
        why = copy.missing[0] if copy.missing else "nothing restorable is in it."
        return f"replica {copy.number} in {where(copy)}: {why}"
    return ""


def _older(copy: Copy, best: Copy | None) -> str:
    assert best is not None
    if copy.disproof and not best.disproof:
        return f"replica {copy.number} in {where(copy)} failed its last restore test."
    if _at(copy) > _at(best):
        more = spoken(_at(copy) - _at(best))
        return (
            f"replica {copy.number} in {where(copy)} goes {more} further, and cannot be read now."
        )
    if _at(copy) == _at(best):
        return f"replica {copy.number} in {where(copy)} goes as far, to {instant(_at(copy))}."
    behind = spoken(_at(best) - _at(copy))
    return f"replica {copy.number} in {where(copy)} ends {behind} earlier."
