"""What an incident turned out to be: wider than it seemed, or a part of a wider one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.incidents.actions.story import NOBODYS, Line, let_go
from recovery.incidents.facts import UNRESOLVED, IncidentState
from recovery.incidents.flapping import JOINED
from recovery.incidents.models import Incident, Member, TimelineEntry


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
    changes = {"domain": domain, **(NOBODYS if had else {})}
    why = f"{had} took it when it was: {was} This is more, and rings anew." if had else ""
    line = Line("widened", reason, tone="down")
    return let_go(incident, changes, line=line, why=why, actor=actor, reason=reason, now=now)


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
            if not is_new and member.whole_at is None and member.since < there.since:
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
                kind=JOINED,
                said=f"{said}: {incident.title}"[:300] if one == into else said,
                why=f"{reason}{taken}",
                actor=str(actor),
            )
