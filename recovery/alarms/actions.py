"""The only writer of alarms and of the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat

from recovery.alarms import queries
from recovery.alarms.decide import (
    STORM,
    STORM_ALARMS,
    STORM_WINDOW,
    digest_at,
    is_graver,
    is_storm,
    refuse_silence,
    rings,
)
from recovery.alarms.facts import AlarmState, Audience, DeliveryState, Severity
from recovery.alarms.models import Alarm, Channel, Delivery
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.incidents import actions as incidents
from recovery.incidents import queries as incident_rows
from recovery.incidents.facts import HURT, IncidentState
from recovery.incidents.flapping import say_times
from recovery.incidents.models import Incident

GRAVER = "People have to be woken for it by now: it rings as another."
GIVE_UP_AFTER = 20
"""Attempts; with the backoff below this is about three hours."""
CLAIM_SECONDS = 20.0
"""A claimed delivery whose notifier died is tried again after this long."""


def raise_alarm(
    *,
    key: str,
    severity: Severity,
    title: str,
    body: str,
    incident: Incident | None,
    is_more: bool = False,
    has_grown: bool = False,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Alarm:
    """The unended alarm of this key, raised if there is none, with one delivery a channel. A notice
    that people have to be woken for by now ends, with no all-clear, and rings as another.

    In the caller's transaction: a verdict without its alarm cannot be committed. What is back
    within minutes in an incident that somebody has stays with them, unless `is_more`: the incident
    hurts what it never hurt, or what is never quiet. `has_grown`: both; then one that somebody has
    rings anew, with the words of now.
    """
    with transaction.atomic():
        there = Alarm.objects.filter(key=key).exclude(state=AlarmState.ENDED).first()
        is_graver_now = there is not None and is_graver(severity, than=there.severity)
        has_rung = there is not None and there.state != AlarmState.ACKNOWLEDGED
        if there is not None and not is_graver_now and (has_rung or not has_grown):
            return there
        held = incidents.hold_whole(incident) if incident is not None else None
        if there is not None:
            why = GRAVER if is_graver_now else reason
            _end_for_another(there, why, actor=actor, now=now)
        alarm = Alarm(
            key=key,
            severity=str(severity),
            incident=held,
            title=title[:300],
            body=body if held is None else f"{body} {_again(held)}".rstrip(),
            raised_at=now,
        )
        transitions.create([alarm], actor=actor, reason=reason, now=now)
        if held is None or _rings(alarm, held, is_more=is_more, actor=actor, reason=reason):
            _send(alarm, actor=actor, now=now)
        else:
            return _keep_quiet(alarm, held, actor=actor, now=now)
    return alarm


def _rings(alarm: Alarm, held: Incident, *, is_more: bool, actor: Actor, reason: str) -> bool:
    """Whether it rings; what is more than what somebody took is nobody's from then on."""
    now, before = alarm.raised_at, queries.alarm_before(alarm.key, held)
    is_carried = incident_rows.is_carried(held)
    severity = Severity(alarm.severity)
    if not rings(before, _taken_at(held), severity, is_more=is_more, now=now):
        return False
    is_back = is_more and before is not None
    if held.acknowledged_at is not None and (is_carried or is_back):
        incidents.take_back(incident=held, actor=actor, reason=reason, now=now)
    return True


def _again(incident: Incident) -> str:
    """Of an incident that is back: how often."""
    times, first = incident_rows.times_of(incident)
    said = say_times(times, first, incident.happened_at)
    return f"It is the {said}." if said else ""


def _taken_at(incident: Incident) -> datetime | None:
    """When who has it took it, while it is hurt and theirs."""
    return incident.acknowledged_at if incident.state == IncidentState.ACKNOWLEDGED else None


def _keep_quiet(alarm: Alarm, incident: Incident, *, actor: Actor, now: datetime) -> Alarm:
    """It is back with whoever took it: on the page, and in nobody's pocket."""
    taken = {
        "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": incident.acknowledged_by,
    }
    said = f"{incident.acknowledged_by} has it: it is back within minutes, and rings if it lasts."
    return transitions.move(
        alarm, AlarmState.ACKNOWLEDGED, actor=actor, reason=said, now=now, changes=taken
    )


def ring_anew(*, alarm: Alarm, actor: Actor, now: datetime) -> Alarm | None:
    """One that came back quietly and may be quiet no longer ends, and rings as another, with its
    incident, which nobody has. None: it may be quiet, or is over."""
    assert alarm.incident is not None, "only what belongs to an incident is quiet"
    with transaction.atomic():
        held = incidents.hold_whole(alarm.incident)
        row = Alarm.objects.select_for_update().filter(pk=alarm.pk, state=alarm.state).first()
        before = queries.alarm_before(alarm.key, held)
        longest = before.longest if before is not None else timedelta(0)
        grave = incident_rows.grave_of(held) if incident_rows.is_carried(held) else []
        why = refuse_silence(alarm.raised_at, _taken_at(held), longest, now, grave=grave)
        if row is None or not why or held.state not in HURT:
            return None
        _end_for_another(row, why, actor=actor, now=now)
        if held.acknowledged_at is not None:
            held = incidents.take_back(incident=held, actor=actor, reason=why, now=now)
        new = Alarm(
            key=row.key,
            severity=row.severity,
            incident=held,
            title=row.title,
            body=row.body,
            raised_at=now,
        )
        transitions.create([new], actor=actor, reason=why, now=now)
        _send(new, actor=actor, now=now)
    return new


def _end_for_another(alarm: Alarm, why: str, *, actor: Actor, now: datetime) -> None:
    """Nobody is told that it is over: it rings on as another."""
    ended = {"ended_at": now}
    transitions.move(alarm, AlarmState.ENDED, actor=actor, reason=why, now=now, changes=ended)


def _send(alarm: Alarm, *, actor: Actor, now: datetime) -> None:
    """By itself, or in a storm with the others."""
    if is_storm(queries.raised_since(now - STORM_WINDOW)):
        _fold_into_storm(alarm, actor=actor, now=now)
    else:
        subject = f"ALARM {alarm.title}"
        queue_deliveries(alarm=alarm, subject=subject, text=alarm.body, now=now)


def _fold_into_storm(alarm: Alarm, *, actor: Actor, now: datetime) -> None:
    """A line in the storm's next message; the alarm itself still stands and rings on the page."""
    storm = Alarm.objects.filter(key=STORM).exclude(state=AlarmState.ENDED).first()
    if storm is None:
        storm = Alarm(
            key=STORM,
            severity=str(Severity.PAGE),
            title=f"Storm: more than {STORM_ALARMS} alarms in {STORM_WINDOW.seconds // 60} minutes",
            body="They are sent together from here on. Open the page.",
            raised_at=now,
        )
        why = "A phone that rings for each of forty alarms is put away."
        transitions.create([storm], actor=actor, reason=why, now=now)
    for channel in Channel.objects.filter(enabled=True, audience=Audience.TEAM):
        _tell_of_storm(storm, channel, alarm, now=now)


def _tell_of_storm(storm: Alarm, channel: Channel, alarm: Alarm, *, now: datetime) -> None:
    """Into the message that waits for its turn, or a new one."""
    told = Delivery.objects.filter(alarm=storm, channel=channel)
    line = f"{alarm.title}\n{alarm.body}".strip()
    waiting = told.filter(state=DeliveryState.WAITING, attempts=0, next_at__gt=now)
    if waiting.update(text=Concat("text", Value(f"\n\n{line}"))):
        return
    last = queries.last_message(storm, channel)
    Delivery.objects.create(
        alarm=storm,
        channel=channel,
        subject=f"ALARM (storm, message {told.count() + 1}) {alarm.title}"[:300],
        text=f"{storm.title}. {storm.body}\n\n{line}",
        queued_at=now,
        next_at=digest_at(last, now),
    )


def queue_deliveries(
    *,
    alarm: Alarm,
    subject: str,
    text: str,
    audience: Audience = Audience.TEAM,
    now: datetime,
) -> None:
    """One message to each enabled channel; the notifier does the rest."""
    Delivery.objects.bulk_create(
        [
            Delivery(
                alarm=alarm,
                channel=channel,
                subject=subject[:300],
                text=text,
                queued_at=now,
                next_at=now,
            )
            for channel in Channel.objects.filter(enabled=True, audience=audience)
        ],
        ignore_conflicts=True,
    )


def send_message(
    *,
    key: str,
    audience: Audience,
    title: str,
    body: str,
    needs_channel: bool = True,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Alarm:
    """What is told, and answered by nobody, once for its key: it rings nowhere, and no all-clear
    follows it. `Refused` where no channel reaches them, unless it is shown elsewhere, too."""
    with transaction.atomic():
        there = Alarm.objects.filter(key=key).first()
        if there is not None:
            return there
        has_channel = Channel.objects.filter(enabled=True, audience=audience).exists()
        if needs_channel and not has_channel:
            raise Refused(
                f"No channel reaches {audience}.",
                kept="Nobody was told.",
                todo=f"Name one: manage.py channel NAME mail ADDRESS --audience {audience}.",
            )
        row = Alarm(
            key=key, severity=str(Severity.NOTICE), title=title[:300], body=body, raised_at=now
        )
        transitions.create([row], actor=actor, reason=reason, now=now)
        queue_deliveries(alarm=row, subject=title, text=body, audience=audience, now=now)
        ended = {"ended_at": now}
        said = f"It is a message to {audience}: nobody has to take it."
        return transitions.move(
            row, AlarmState.ENDED, actor=actor, reason=said, now=now, changes=ended
        )


def acknowledge_alarm(*, alarm: Alarm, actor: Actor, reason: str, now: datetime) -> Alarm:
    """A person has it: it stops ringing. Raises `Conflict` when somebody was first."""
    return transitions.move(
        alarm,
        AlarmState.ACKNOWLEDGED,
        actor=actor,
        reason=reason,
        now=now,
        changes={"acknowledged_at": now, "acknowledged_by": actor.id},
    )


def acknowledge_incident(
    *, incident: Incident, actor: Actor, reason: str, now: datetime
) -> Incident:
    """A person has the incident and every alarm of it that rings. Of a part of a wider one that
    one is taken, because that one rings."""
    with transaction.atomic():
        incident = incidents.hold_whole(incident)
        if incident.acknowledged_at is not None:
            raise Conflict(
                f"{incident} was already acknowledged by {incident.acknowledged_by}.",
                todo="Nothing to do.",
            )
        taken = incidents.acknowledge_incident(
            incident=incident, actor=actor, reason=reason, now=now
        )
        transitions.move_many(
            Alarm,
            {
                pk: {"acknowledged_at": now, "acknowledged_by": actor.id}
                for pk in Alarm.objects.filter(
                    incident=incident, state=AlarmState.RAISED
                ).values_list("pk", flat=True)
            },
            AlarmState.ACKNOWLEDGED,
            actor=actor,
            reason=reason,
            now=now,
        )
    return taken


def end_alarms(*, keys: Sequence[str], actor: Actor, reason: str, now: datetime) -> list[Alarm]:
    """The facts ended these; an all-clear goes to whoever was told."""
    with transaction.atomic():
        found = {
            alarm.pk: {"ended_at": now}
            for alarm in Alarm.objects.filter(key__in=keys).exclude(state=AlarmState.ENDED)
        }
        ended = transitions.move_many(
            Alarm, found, AlarmState.ENDED, actor=actor, reason=reason, now=now
        )
        for alarm in queries.told_alarms(ended):
            queue_deliveries(alarm=alarm, subject=f"Over: {alarm.title}", text=reason, now=now)
    return ended


def claim_deliveries(*, now: datetime, at_most: int = 20) -> list[Delivery]:
    """Take due messages for this notifier; one that dies holding them loses only time."""
    with transaction.atomic():
        due = list(
            Delivery.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state__in=[DeliveryState.WAITING, DeliveryState.TAKEN], next_at__lte=now)
            .select_related("channel", "alarm__incident")
            .order_by("next_at")[:at_most]
        )
        for delivery in due:
            delivery.state = DeliveryState.TAKEN
            delivery.attempts += 1
            delivery.next_at = now + timedelta(seconds=CLAIM_SECONDS)
        Delivery.objects.bulk_update(due, ["state", "attempts", "next_at"])
    return due


def record_accepted(*, delivery: Delivery, receipt: str, now: datetime) -> None:
    """The channel took the message: told in the story of its incident."""
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(
            state=DeliveryState.ACCEPTED, accepted_at=now, receipt=receipt[:300], last_error=""
        )
        if incident := delivery.alarm.incident:
            incidents.tell(
                incident=incident,
                kind="told",
                said=f"{delivery.channel.name} took the message: {delivery.subject}",
                why=receipt,
                happened_at=now,
                actor=Actor("worker", delivery.channel.name),
                now=now,
            )


def record_refused(*, delivery: Delivery, error: str, now: datetime) -> None:
    """The channel did not take it: again later, 1 s doubling to 10 min."""
    wait = timedelta(seconds=min(2.0 ** (delivery.attempts - 1), 600.0))
    spent = delivery.attempts >= GIVE_UP_AFTER
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.GIVEN_UP if spent else DeliveryState.WAITING,
        next_at=now + wait,
        last_error=error[:2000],
    )


def register_channel(
    *,
    name: str,
    kind: str,
    address: str,
    audience: Audience = Audience.TEAM,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Channel:
    """The channel of this name with this address."""
    row = Channel.objects.filter(name=name).first()
    if row is None:
        row = Channel(name=name, kind=kind, audience=str(audience))
        row.sealed_secret = row.sealed(address)
        return transitions.create([row], actor=actor, reason=reason, now=now)[0]
    if (row.kind, row.secret_address, row.audience) == (kind, address, audience):
        return row
    sealed = row.sealed(address)
    changes = {"kind": kind, "audience": str(audience), "sealed_secret": sealed}
    return transitions.amend(row, changes, action="described", actor=actor, reason=reason, now=now)
