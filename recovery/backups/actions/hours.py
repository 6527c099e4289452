"""How old each replica's newest restorable moment was, hour by hour, for a week."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from recovery.backups.models import ArchiveSight, RecoveryHour

KEPT_HOURS = timedelta(days=8)


def keep_hours(sights: Iterable[ArchiveSight]) -> None:
    """After a look at each of these, in its transaction. What was never read says nothing."""
    known = [one for one in sights if one.read_at is not None and one.looked_at is not None]
    hours = {one.pk: _hour(one.looked_at) for one in known if one.looked_at is not None}
    there = RecoveryHour.objects.filter(replica__in=hours, hour__in=set(hours.values()))
    before = {(row.replica_id, row.hour): row for row in there}
    rows = []
    for one in known:
        at, key = one.looked_at, (one.pk, hours[one.pk])
        assert at is not None, "it was looked at"
        age = max(timedelta(), at - one.moment) if one.moment is not None else None
        row = before.get(key)
        worst = age if row is None else worse(row.worst, age)
        if row is None or worst != row.worst:
            rows.append(RecoveryHour(replica_id=one.pk, hour=key[1], worst=worst))
    RecoveryHour.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["replica", "hour"],
        update_fields=["worst"],
        batch_size=1000,
    )


def worse(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    """None is the worst: there was nothing to restore."""
    return None if one is None or other is None else max(one, other)


def forget_hours(*, now: datetime) -> None:
    """Those that nobody is shown any more."""
    RecoveryHour.objects.filter(hour__lt=now - KEPT_HOURS).delete()


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
