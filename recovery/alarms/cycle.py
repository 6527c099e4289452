"""Alarms end with the incident that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from recovery.alarms import actions, queries
from recovery.alarms.decide import STORM, STORM_WINDOW, is_storm
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


def ring_what_lasts(*, actor: Actor, now: datetime) -> None:
    """What came back quietly with whoever took it rings when it is more, or lasts. Blind eyes are
    no reason against it: blindness itself is what lasts."""
    for alarm in queries.quiet_alarms():
        with control.deciding(actor.epoch):
            actions.ring_anew(alarm=alarm, actor=actor, now=now)


def end_storm(*, actor: Actor, now: datetime) -> None:
    """The storm is over when alarms come singly again."""
    if not queries.is_storm_open() or is_storm(queries.raised_since(now - STORM_WINDOW)):
        return
    with control.deciding(actor.epoch):
        actions.end_alarms(keys=[STORM], actor=actor, reason="Alarms come singly again.", now=now)
