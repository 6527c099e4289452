"""How old recovery points were, over a day and over a week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.backups import queries
from recovery.backups.facts import terms_of
from recovery.backups.models import ArchiveSight, RecoveryHour, RecoveryPoint

HISTORY = timedelta(hours=24)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class History:
    """The newest restorable moment of one replica as it was from `at` on, oldest first; the last
    one until `until`, when it was looked at last."""

    number: int
    promise: timedelta
    is_continuous: bool
    points: tuple[tuple[datetime, datetime | None], ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class Week:
    """How old the newest restorable moment of one replica was at most, hour by hour, oldest first;
    None: there was none. `until`: when it was looked at last."""

    number: int
    promise: timedelta
    hours: tuple[tuple[datetime, timedelta | None], ...]
    until: datetime


def week(name: str) -> tuple[Week, ...]:
    """Of the replicas of one database, over the last seven days."""
    sights = ArchiveSight.objects.filter(replica__database__name=name, looked_at__isnull=False)
    found = []
    for sight in sights.select_related("replica__database").order_by("replica__number"):
        until = sight.looked_at
        assert until is not None
        rows = RecoveryHour.objects.filter(replica=sight.replica_id, hour__gt=until - WEEK)
        hours = tuple(rows.order_by("hour").values_list("hour", "worst"))
        terms = terms_of(sight.replica.engine, sight.replica.number, queries.continuous())
        if hours:
            found.append(Week(sight.replica.number, terms.promise, hours, until))
    return tuple(found)


def history(name: str) -> tuple[History, ...]:
    """Of the replicas of one database, over the last day."""
    sights = ArchiveSight.objects.filter(replica__database__name=name, looked_at__isnull=False)
    found = []
    for sight in sights.select_related("replica__database").order_by("replica__number"):
        until = sight.looked_at
        assert until is not None
        rows = RecoveryPoint.objects.filter(replica=sight.replica_id)
        before = rows.filter(at__lt=until - HISTORY).order_by("-at").values_list("at", "moment")[:1]
        since = rows.filter(at__gte=until - HISTORY).order_by("at").values_list("at", "moment")
        terms = terms_of(sight.replica.engine, sight.replica.number, queries.continuous())
        points = (*before, *since)
        if points:
            found.append(
                History(sight.replica.number, terms.promise, terms.is_continuous, points, until)
            )
    return tuple(found)
