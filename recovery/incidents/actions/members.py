"""Who belongs to an incident, hurt or whole, as the rows of the world show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.incidents import flapping, queries
from recovery.incidents.actions.returning import take_back
from recovery.incidents.actions.story import tell
from recovery.incidents.actions.wider import hold_whole
from recovery.incidents.facts import NewMember
from recovery.incidents.models import Incident, Member


def add_members(
    *,
    incident: Incident,
    members: Sequence[NewMember],
    since: datetime,
    actor: Actor,
    now: datetime,
) -> None:
    """Let these belong to it; one that was whole again is hurt again. Who took what was over and
    is back, took no more than that: with more it is nobody's."""
    incident = incident.whole
    more = queries.unknown_of(incident, members) if flapping.is_carried(*_taken(incident)) else []
    for member in members:
        Member.objects.update_or_create(
            incident=incident,
            kind=str(member.kind),
            object_id=member.object_id,
            defaults={"whole_at": None},
            create_defaults={"name": member.name, "is_cause": member.is_cause, "since": since},
        )
    if more and flapping.is_carried(*_taken(held := hold_whole(incident))):
        why = flapping.refuse_quiet(held.acknowledged_at, more, now)
        take_back(incident=held, actor=actor, reason=why, now=now)


def _taken(incident: Incident) -> tuple[datetime | None, datetime]:
    return incident.acknowledged_at, incident.opened_at


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
