"""Rows of alarms as facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import F, Max, Q, QuerySet
from django.db.models.functions import Coalesce

from recovery.alarms.decide import STORM, Before
from recovery.alarms.facts import AlarmState, Severity
from recovery.alarms.models import Alarm, Channel, Delivery
from recovery.incidents.facts import HURT
from recovery.incidents.models import Incident

QUIET = {"acknowledged_at__lt": F("raised_at")}
"""Taken before it was raised: it came back, and rang nobody."""


def raised_since(start: datetime) -> int:
    """How many alarms were raised after `start`; the storm's own, messages, which ring nowhere, and
    what came back quietly left out."""
    rows = Alarm.objects.filter(raised_at__gt=start).exclude(key=STORM)
    return (
        rows.exclude(state=AlarmState.ENDED, ended_at=F("raised_at"))
        .exclude(acknowledged_at__isnull=False, **QUIET)
        .count()
    )


def alarm_before(key: str, incident: Incident) -> Before | None:
    """Of the same key and incident, the newest that ended."""
    rows = list(_ended(key, incident).order_by("-raised_at")[:LOOKED_AT])
    if not rows:
        return None
    newest = rows[0]
    assert newest.ended_at is not None, "it ended"
    return Before(
        severity=Severity(newest.severity),
        raised_at=newest.raised_at,
        ended_at=newest.ended_at,
        is_taken=newest.acknowledged_at is not None,
        longest=longest(rows),
    )


LOOKED_AT = 50
"""Of what swings, so many of the newest: more than fit into half an hour."""


def _ended(key: str, incident: Incident) -> QuerySet[Alarm]:
    return Alarm.objects.filter(key=key, incident=incident, state=AlarmState.ENDED)


def longest(rows: Sequence[Alarm]) -> timedelta:
    """How long one of these lasted at most."""
    spans = [row.ended_at - row.raised_at for row in rows if row.ended_at is not None]
    return max(spans, default=timedelta(0))


def quiet_alarms() -> list[Alarm]:
    """Those that came back with whoever took them, and whose incident, or what that is a part of,
    may still be hurt."""
    rows = Alarm.objects.filter(state=AlarmState.ACKNOWLEDGED, **QUIET)
    hurt = Q(incident__state__in=HURT) | Q(incident__joined__isnull=False)
    return list(rows.filter(hurt).select_related("incident").order_by("raised_at"))


def told_alarms(alarms: Sequence[Alarm]) -> list[Alarm]:
    """Those of which somebody was told by a message."""
    return list(
        Alarm.objects.filter(pk__in=[a.pk for a in alarms], deliveries__isnull=False).distinct()
    )


def is_storm_open() -> bool:
    """Whether the storm alarm stands."""
    return Alarm.objects.filter(key=STORM).exclude(state=AlarmState.ENDED).exists()


def last_message(alarm: Alarm, channel: Channel) -> datetime | None:
    """When the newest message of this alarm was accepted there, or else is due."""
    told = Delivery.objects.filter(alarm=alarm, channel=channel)
    at: datetime | None = told.aggregate(at=Max(Coalesce("accepted_at", "next_at")))["at"]
    return at


def told(key: str) -> list[Delivery]:
    """Every message of the alarms, or messages, of this key."""
    return list(Delivery.objects.filter(alarm__key=key).select_related("channel").order_by("pk"))
