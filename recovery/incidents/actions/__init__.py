"""The only writer of incidents, their members and their story."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.incidents.actions.members import add_members, mark_hurt, mark_whole
from recovery.incidents.actions.returning import return_incident, same_incident, take_back
from recovery.incidents.actions.story import Line, add_note, move, move_from, tell
from recovery.incidents.actions.wider import (
    hold_incidents,
    hold_whole,
    join_incident,
    widen_incident,
)
from recovery.incidents.facts import IncidentState, NewMember
from recovery.incidents.flapping import OPENED, REOPENED, RESOLVED
from recovery.incidents.models import Incident

__all__ = [
    "acknowledge_incident",
    "add_members",
    "add_note",
    "hold_incidents",
    "hold_whole",
    "join_incident",
    "mark_hurt",
    "mark_whole",
    "mitigate_incident",
    "open_incident",
    "reopen_incident",
    "resolve_incident",
    "take_back",
    "tell",
    "widen_incident",
]


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
    already mitigated is open again: something new is broken. So is one that was over until just
    now (`flapping`).
    """
    with transaction.atomic():
        incident = same_incident(domain, now)
        if incident is not None and incident.state == IncidentState.RESOLVED:
            said = {"title": title, "summary": summary}
            incident = return_incident(
                incident, said, members, happened_at, actor=actor, reason=reason, now=now
            )
        elif incident is None:
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
            )  # whose it is then, `add_members` says
        elif incident.title != title:
            incident = transitions.amend(
                incident,
                {"title": title, "summary": summary},
                action="retitled",
                actor=actor,
                reason=reason,
                now=now,
            )
        add_members(incident=incident, members=members, since=happened_at, actor=actor, now=now)
    return incident


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
        kind=OPENED,
        said=f"{incident} opened: {incident.title}",
        why=f"It hurts {', '.join(hurt)}." if hurt else reason,
        happened_at=now,
        actor=actor,
        now=now,
    )
    return incident


def acknowledge_incident(
    *, incident: Incident, actor: Actor, reason: str, now: datetime
) -> Incident:
    """A person has it. Raises `Conflict` when somebody was first."""
    return move_from(
        IncidentState.OPEN,
        incident,
        IncidentState.ACKNOWLEDGED,
        {"acknowledged_at": now, "acknowledged_by": actor.id},
        line=Line("acknowledged", f"{actor.id} acknowledged"),
        actor=actor,
        reason=reason,
        now=now,
    )


def mitigate_incident(*, incident: Incident, actor: Actor, reason: str, now: datetime) -> Incident:
    """Every member is whole again. The line names whose: others may be hurt all around it."""
    line = Line("mitigated", f"{incident}: everything that it hurt is whole again")
    changes = {"mitigated_at": now}
    return move(
        incident,
        IncidentState.MITIGATED,
        changes,
        line=line,
        actor=actor,
        reason=reason,
        now=now,
    )


def reopen_incident(
    *, incident: Incident, title: str, actor: Actor, reason: str, now: datetime
) -> Incident:
    """What was whole is hurt again. It stays with the person who has it, while it is no more than
    they took (`add_members`)."""
    taken = incident.acknowledged_at is not None
    return move(
        incident,
        IncidentState.ACKNOWLEDGED if taken else IncidentState.OPEN,
        {"mitigated_at": None, "title": title},
        line=Line(REOPENED, f"{incident} is open again: {title}", tone="down"),
        actor=actor,
        reason=reason,
        now=now,
    )


def resolve_incident(*, incident: Incident, actor: Actor, reason: str, now: datetime) -> Incident:
    """It stayed whole: the incident is over."""
    return move(
        incident,
        IncidentState.RESOLVED,
        {"resolved_at": now},
        line=Line(RESOLVED, "Resolved"),
        actor=actor,
        reason=reason,
        now=now,
    )
