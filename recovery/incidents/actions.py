"""The only writer of incidents, their members and their story."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.incidents.facts import UNRESOLVED, IncidentState, NewMember
from recovery.incidents.models import Incident, Member, TimelineEntry


def open_incident(
    *,
    domain: str,
    title: str,
    summary: str,
    happened_at: datetime,
    members: Sequence[NewMember],
    actor: Actor,
    reason: str,
    now: datetime,
) -> Incident:
    """The unresolved incident of this failure domain, opened if there is none.

    Invariant: one unresolved incident a domain, by a database constraint. One that was
    already mitigated is open again: something new is broken.
    """
    with transaction.atomic():
        incident = (
            Incident.objects.select_for_update().filter(domain=domain, state__in=UNRESOLVED).first()
        )
        if incident is None:
            incident = _open(
                Incident(domain=domain, title=title, summary=summary, happened_at=happened_at),
                members=members,
                actor=actor,
                reason=reason,
                now=now,
            )
        elif incident.state == IncidentState.MITIGATED:
            incident = reopen_incident(
                incident=incident, title=title, actor=actor, reason=reason, now=now
            )
        elif incident.title != title:
            incident = transitions.amend(
                incident,
                {"title": title, "summary": summary},
                action="retitled",
                actor=actor,
                reason=reason,
                now=now,
            )
        add_members(incident=incident, members=members, since=happened_at)
    return incident


def widen_incident(
    *, incident: Incident, domain: str, actor: Actor, reason: str, now: datetime
) -> Incident:
    """It is about a wider failure domain than it seemed. Unless that has an incident already.

    Whoever had it had the smaller one: nobody has the wider one before somebody takes it, and its
    alarm rings once for that.
    """
    if Incident.objects.filter(domain=domain, state__in=UNRESOLVED).exists():
        return incident
    had, was = incident.acknowledged_by, incident.title
    changes: dict[str, object] = {"domain": domain}
    if had:
        changes |= {"acknowledged_at": None, "acknowledged_by": ""}
    with transaction.atomic():
        if incident.state == IncidentState.ACKNOWLEDGED:
            widened = transitions.move(
                incident, IncidentState.OPEN, changes=changes, actor=actor, reason=reason, now=now
            )
        else:
            widened = transitions.amend(
                incident, changes, action="widened", actor=actor, reason=reason, now=now
            )
        tell(
            incident=widened,
            kind="widened",
            said=reason,
            why=f"{had} took it when it was: {was} This is more, and rings anew." if had else "",
            happened_at=now,
            actor=actor,
            tone="down",
            now=now,
        )
    return widened


def hold_incidents(keys: Collection[UUID]) -> dict[UUID, Incident]:
    """Lock these, in one order, as they are now.

    Invariant: who writes an incident and alarms of it takes the incident first, or a person's
    acknowledgement and the controller each wait for what the other one holds.
    """
    rows = Incident.objects.select_for_update().filter(pk__in=keys).order_by("pk")
    return {row.pk: row for row in rows}


def hold_whole(incident: Incident) -> Incident:
    """Lock the incident that this one is a part of by now, or itself."""
    while True:
        held = hold_incidents([incident.whole.pk])
        (incident,) = held.values()
        if incident.joined_id is None:
            return incident


def join_incident(
    *, incident: Incident, into: Incident, actor: Actor, reason: str, now: datetime
) -> None:
    """It is a part of a wider one: that takes its members, and every later line of its story.

    A member stays whole or hurt as it was, since when it was. Does nothing where either is over.
    """
    if incident == into:
        return
    with transaction.atomic():
        found = hold_incidents([incident.pk, into.pk])
        incident, into = found[incident.pk], found[into.pk]
        if incident.state not in UNRESOLVED or into.state not in UNRESOLVED:
            return
        for member in Member.objects.filter(incident=incident).order_by("pk"):
            there, is_new = Member.objects.get_or_create(
                incident=into,
                kind=member.kind,
                object_id=member.object_id,
                defaults={
                    name: getattr(member, name)
                    for name in ("name", "is_cause", "since", "whole_at")
                },
            )
            if not is_new and member.since < there.since:
                Member.objects.filter(pk=there.pk).update(since=member.since)
        moved = transitions.move(
            incident,
            IncidentState.RESOLVED,
            actor=actor,
            reason=reason,
            now=now,
            changes={"resolved_at": now, "joined_id": into.pk},
        )
        taken = f" {moved.acknowledged_by} took it." if moved.acknowledged_by else ""
        for one, said in ((moved, f"It is part of {into}"), (into, f"{moved} is part of it")):
            TimelineEntry.objects.create(
                incident=one,
                happened_at=now,
                recorded_at=now,
                kind="joined",
                said=f"{said}: {incident.title}"[:300] if one == into else said,
                why=f"{reason}{taken}",
                actor=str(actor),
            )


def _open(
    incident: Incident,
    *,
    members: Sequence[NewMember],
    actor: Actor,
    reason: str,
    now: datetime,
) -> Incident:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('incident_number')")
        (incident.number,) = cursor.fetchone() or (0,)
    incident.opened_at = now
    transitions.create([incident], actor=actor, reason=reason, now=now)
    hurt = [member.name for member in members if not member.is_cause]
    tell(
        incident=incident,
        kind="opened",
        said=f"{incident} opened: {incident.title}",
        why=f"It hurts {', '.join(hurt)}." if hurt else reason,
        happened_at=now,
        actor=actor,
        now=now,
    )
    return incident


def add_members(*, incident: Incident, members: Sequence[NewMember], since: datetime) -> None:
    """Let these belong to it; one that was whole again is hurt again."""
    incident = incident.whole
    for member in members:
        Member.objects.update_or_create(
            incident=incident,
            kind=str(member.kind),
            object_id=member.object_id,
            defaults={"whole_at": None},
            create_defaults={"name": member.name, "is_cause": member.is_cause, "since": since},
        )


def tell(
    *,
    incident: Incident,
    kind: str,
    said: str,
    happened_at: datetime,
    actor: Actor,
    now: datetime,
    why: str = "",
    tone: str = "",
) -> TimelineEntry:
    """Add a line to the story; nothing in it is ever changed."""
    return TimelineEntry.objects.create(
        incident=incident.whole,
        happened_at=happened_at,
        recorded_at=now,
        kind=kind,
        said=said[:300],
        why=why,
        actor=str(actor),
        tone=tone,
    )


def add_note(*, incident: Incident, text: str, actor: Actor, now: datetime) -> TimelineEntry:
    """A person's own words in the story, and in the audit log."""
    with transaction.atomic():
        transitions.amend(incident, {}, action="noted", actor=actor, reason=text, now=now)
        return tell(
            incident=incident, kind="note", said=text, happened_at=now, actor=actor, now=now
        )


def acknowledge_incident(
    *, incident: Incident, actor: Actor, reason: str, now: datetime
) -> Incident:
    """A person has it. Raises `Conflict` when somebody was first."""
    with transaction.atomic():
        taken = {"acknowledged_at": now, "acknowledged_by": actor.id}
        if incident.state == IncidentState.OPEN:
            incident = transitions.move(
                incident,
                IncidentState.ACKNOWLEDGED,
                actor=actor,
                reason=reason,
                now=now,
                changes=taken,
            )
        else:
            incident = transitions.amend(
                incident, taken, action="acknowledged", actor=actor, reason=reason, now=now
            )
        tell(
            incident=incident,
            kind="acknowledged",
            said=f"{actor.id} acknowledged",
            why=reason,
            happened_at=now,
            actor=actor,
            now=now,
        )
    return incident


def mark_whole(
    *, incident: Incident, members: Mapping[int, str], actor: Actor, now: datetime
) -> None:
    """These members are whole again, by observation; each is told with its line."""
    changed = Member.objects.filter(incident=incident, pk__in=list(members), whole_at=None)
    ids = sorted(changed.values_list("pk", flat=True))
    Member.objects.filter(pk__in=ids).update(whole_at=now)
    for pk in ids:
        tell(
            incident=incident,
            kind="whole",
            said=members[pk],
            happened_at=now,
            actor=actor,
            now=now,
        )


def mark_hurt(
    *, incident: Incident, members: Mapping[int, str], actor: Actor, now: datetime
) -> None:
    """These members were whole and are hurt again; each is told with its line."""
    Member.objects.filter(incident=incident, pk__in=list(members)).update(whole_at=None)
    for said in members.values():
        tell(
            incident=incident,
            kind="hurt",
            said=said,
            happened_at=now,
            actor=actor,
            tone="risk",
            now=now,
        )


def mitigate_incident(*, incident: Incident, actor: Actor, reason: str, now: datetime) -> Incident:
    """Every member is whole again."""
    with transaction.atomic():
        moved = transitions.move(
            incident,
            IncidentState.MITIGATED,
            actor=actor,
            reason=reason,
            now=now,
            changes={"mitigated_at": now},
        )
        tell(
            incident=moved,
            kind="mitigated",
            said="Everything that was hurt is whole again",
            why=reason,
            happened_at=now,
            actor=actor,
            now=now,
        )
    return moved


def reopen_incident(
    *, incident: Incident, title: str, actor: Actor, reason: str, now: datetime
) -> Incident:
    """What was whole is hurt again. It stays with the person who has it."""
    taken = incident.acknowledged_at is not None
    with transaction.atomic():
        moved = transitions.move(
            incident,
            IncidentState.ACKNOWLEDGED if taken else IncidentState.OPEN,
            actor=actor,
            reason=reason,
            now=now,
            changes={"mitigated_at": None, "title": title},
        )
        tell(
            incident=moved,
            kind="reopened",
            said=f"{moved} is open again: {title}",
            why=reason,
            happened_at=now,
            actor=actor,
            tone="down",
            now=now,
        )
    return moved


def resolve_incident(*, incident: Incident, actor: Actor, reason: str, now: datetime) -> Incident:
    """It stayed whole: the incident is over."""
    with transaction.atomic():
        moved = transitions.move(
            incident,
            IncidentState.RESOLVED,
            actor=actor,
            reason=reason,
            now=now,
            changes={"resolved_at": now},
        )
        tell(
            incident=moved,
            kind="resolved",
            said="Resolved",
            why=reason,
            happened_at=now,
            actor=actor,
            now=now,
        )
    return moved
