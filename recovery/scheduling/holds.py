"""What waits, kept as rows: since when, and why."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from recovery.alarms import actions as alarms
from recovery.alarms.facts import AlarmState, Severity
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.inventory.models import Container
from recovery.scheduling import stories
from recovery.scheduling.facts import Cause, Decision
from recovery.scheduling.models import Hold, HoldState

WORTH_TELLING = frozenset({Cause.HELD, Cause.FENCE, Cause.VERDICT})
"""Causes that may last; a pause between attempts or a turn in a queue ends by itself."""
NO_ROOM = "no room"
ALARM = "unseated"
PATIENCE = timedelta(seconds=60)
"""While hosts are still joining, what was never seated rings no bell yet."""

Told = dict[tuple[str, int], tuple[str, str, str]]


def told_holds(decision: Decision) -> Told:
    """Per copy its cause, reason and binding constraint; lack of room goes before the rest."""
    told: Told = {
        (w.application, w.ordinal): (str(w.cause), w.reason, "")
        for w in decision.waiting
        if w.cause in WORTH_TELLING
    }
    for missing in decision.unplaced:
        want = missing.want
        told[want.application, want.ordinal] = (NO_ROOM, missing.reason, missing.binding)
    return told


def _still_forming(decision: Decision, open_now: Collection[tuple[str, int]]) -> Told:
    """A moment's wait for more hosts opens no hold. It ends none either, nor its alarm: the copy
    has no seat yet."""
    return {
        (w.application, w.ordinal): (str(w.cause), w.reason, "")
        for w in decision.waiting
        if w.cause is Cause.FORMING and (w.application, w.ordinal) in open_now
    }


def note_holds(*, decision: Decision, actor: Actor, now: datetime) -> None:
    """Open, amend and end holds so that they say what this decision says."""
    open_now = {
        (str(hold.container.application_id), hold.container.ordinal): hold
        for hold in Hold.objects.filter(state=HoldState.OPEN).select_related("container")
    }
    told = _still_forming(decision, open_now) | told_holds(decision)
    slots = {
        (str(row.application_id), row.ordinal): row
        for row in Container.objects.filter(application__in={app for app, _ in told})
    }
    new = [key for key in told if key not in open_now]
    transitions.create(
        [_hold(slots[key], *told[key], now=now) for key in new],
        actor=actor,
        reason="It cannot be done now.",
        now=now,
    )
    _tell(told, open_now, actor=actor, now=now)
    changed = {
        hold.pk: dict(zip(("cause", "reason", "binding"), told[key], strict=True))
        for key, hold in open_now.items()
        if key in told and (hold.cause, hold.reason, hold.binding) != told[key]
    }
    transitions.amend_many(
        Hold, changed, action="explained", actor=actor, reason="The reason changed.", now=now
    )
    transitions.move_many(
        Hold,
        {hold.pk: {"ended_at": now} for key, hold in open_now.items() if key not in told},
        HoldState.ENDED,
        actor=actor,
        reason="Nothing keeps it from its seat any more.",
        now=now,
    )
    _ring(told, actor=actor, now=now)


def _tell(
    told: Told, open_now: dict[tuple[str, int], Hold], *, actor: Actor, now: datetime
) -> None:
    """What waits anew, or for another cause: before the verdict there is no story to tell it in."""
    fresh = {
        key: reason
        for key, (cause, reason, _) in told.items()
        if key not in open_now or open_now[key].cause != cause
    }
    stories.tell_holds(held=fresh, actor=actor, now=now)


def _ring(told: Told, *, actor: Actor, now: datetime) -> None:
    """A silent hold is a fault: it rings until nothing waits. What the brake holds rings there."""
    young = _still_joining(now)
    waiting = {key: why for key, why in told.items() if why[0] != Cause.HELD and key not in young}
    if not waiting:
        if Alarm.objects.filter(key=ALARM).exclude(state=AlarmState.ENDED).exists():
            alarms.end_alarms(keys=[ALARM], actor=actor, reason="Nothing waits.", now=now)
        return
    names = dict(
        Container.objects.filter(application__in={app for app, _ in waiting}).values_list(
            "application_id", "application__name"
        )
    )
    lines = [
        f"{names[UUID(app)]}-{ordinal}: {reason}"
        for (app, ordinal), (_, reason, _) in sorted(waiting.items())
    ]
    copies = "1 container waits" if len(lines) == 1 else f"{len(lines)} containers wait"
    alarms.raise_alarm(
        key=ALARM,
        severity=Severity.PAGE,
        title=f"{copies} for a seat",
        body="\n".join(lines),
        incident=None,
        actor=actor,
        reason="Wanted containers that have no seat ring.",
        now=now,
    )


def _still_joining(now: datetime) -> set[tuple[str, int]]:
    """Copies that never had a seat and wait only since a moment ago: a fleet that starts."""
    rows = Hold.objects.filter(
        state=HoldState.OPEN, since__gt=now - PATIENCE, container__placements__isnull=True
    ).values_list("container__application_id", "container__ordinal")
    return {(str(application), ordinal) for application, ordinal in rows}


def _hold(slot: Container, cause: str, reason: str, binding: str, *, now: datetime) -> Hold:
    return Hold(container=slot, cause=cause, reason=reason, binding=binding, since=now)
