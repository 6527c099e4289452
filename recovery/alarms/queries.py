"""Rows of alarms as facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F, Max
from django.db.models.functions import Coalesce

from recovery.alarms.decide import STORM
from recovery.alarms.facts import AlarmState
from recovery.alarms.models import Alarm, Channel, Delivery


def raised_since(start: datetime) -> int:
    """How many alarms were raised after `start`; the storm's own, and messages, which ring nowhere,
    left out."""
    rows = Alarm.objects.filter(raised_at__gt=start).exclude(key=STORM)
    return rows.exclude(state=AlarmState.ENDED, ended_at=F("raised_at")).count()


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
