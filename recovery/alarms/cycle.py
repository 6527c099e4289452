"""Alarms end with the incident that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from recovery.alarms import actions
from recovery.alarms.facts import AlarmState
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import control
from recovery.incidents.models import Incident


def end_alarms_of(*, incidents: Sequence[Incident], actor: Actor, now: datetime) -> list[Alarm]:
    """End what still rings, or is only acknowledged, of these resolved incidents."""
    if not incidents:
        return []
    keys = Alarm.objects.filter(incident__in=incidents).exclude(state=AlarmState.ENDED)
    with control.deciding(actor.epoch):
        return actions.end_alarms(
            keys=list(keys.values_list("key", flat=True)),
            actor=actor,
            reason="Its incident is resolved.",
            now=now,
        )
