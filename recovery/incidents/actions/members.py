"""Who belongs to an incident, hurt or whole, as the rows of the world show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.incidents import flapping, queries
from recovery.incidents.actions.returning import take_back
from recovery.incidents.actions.story import tell
from recovery.incidents.actions.wider import hold_whole
from recovery.incidents.facts import MemberKind, NewMember
from recovery.incidents.models import Incident, Member


def add_members(
    *,
    incident: Incident,
    members: Sequence[NewMember],
    since: datetime,
    actor: Actor,
    now: datetime,
) -> None:
    """Let these belong to it; one that was whole again is hurt again, since then. Who took what was
    whole or over and is back, took no more than that: with more it is nobody's."""
    incident = incident.whole
    more = queries.unknown_of(incident, members) if queries.is_carried(incident) else []
    for member in members:
        row, is_new = Member.objects.get_or_create(
            incident=incident,
            kind=str(member.kind),
            object_id=member.object_id,
            defaults={"name": member.name, "is_cause": member.is_cause, "since": since},
        )
        if not is_new and row.whole_at is not None:
            again = max(since, row.whole_at)
            Member.objects.filter(pk=row.pk).update(whole_at=None, since=again)
    if more and queries.is_carried(held := hold_whole(incident)):
        why = flapping.refuse_quiet(held.acknowledged_at, more, now)
        take_back(incident=held, actor=actor, reason=why, now=now)


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
    """These members were whole and are hurt again; each is told with its line.

    They are hurt since now, as their clocks say: until now they were whole. Only a host that is
    gone has been so all the while, and was whole because what ran there ran elsewhere: one that
    was back and is lost again came here as suspect, or by `add_members`.
    """
    rows = Member.objects.filter(incident=incident, pk__in=list(members), whole_at__isnull=False)
    gone = queries.gone_hosts(rows)
    rows.exclude(kind=MemberKind.HOST, object_id__in=gone).update(since=now)
    rows.update(whole_at=None)
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
