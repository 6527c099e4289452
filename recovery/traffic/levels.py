"""What each service level promises, and what this month's outages have used of it. Pure (H5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from recovery.traffic.facts import PROMISES, Level, OutageFact, Promise, Standing


def level_of(copies: int) -> Level:
    """One container is one level, two or more are the other."""
    return Level.ONE if copies < 2 else Level.MANY


def month_of(now: datetime) -> tuple[datetime, datetime]:
    """The calendar month that `now` is in, from its first instant to the next one's."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = divmod(first.year * 12 + first.month, 12)
    return first, first.replace(year=year, month=month + 1)


def standing_of(
    copies: int,
    outages: Iterable[OutageFact],
    now: datetime,
    promises: Mapping[Level, Promise] = PROMISES,
) -> Standing:
    """The level, its allowance for this month and what was used; an open outage counts."""
    first, following = month_of(now)
    promise = promises[level_of(copies)]
    spans = sorted((max(o.started, first), min(o.ended or now, now)) for o in outages)
    used, upto = 0.0, first
    for started, ended in spans:
        begins = max(started, upto)
        if ended > begins:
            used += (ended - begins).total_seconds()
            upto = ended
    allowed = (1 - promise.availability) * (following - first).total_seconds()
    return Standing(promise.level, promise.availability, allowed, used)
