"""What failovers add to the stories of incidents, in the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from recovery.audit.facts import Actor
from recovery.failover.models import Failover
from recovery.failover.phases import Phase
from recovery.incidents import actions as incidents
from recovery.incidents.facts import UNRESOLVED, MemberKind, NewMember
from recovery.incidents.models import Incident, Member
from recovery.inventory.models import Database, Host, Replica

RISKS = frozenset({"degraded", "waits", "not promoted"})
LINES: Mapping[Phase, Callable[[Failover], str]] = {
    Phase.VERIFY: lambda row: f"Users of {row.database} are led to {row.target or row.source}",
    Phase.REBUILD: lambda row: f"{row.database} is written to again",
    Phase.DONE: lambda row: f"{row} is over: {row.database} could fail over again",
    Phase.ABANDONED: lambda row: f"{row} ends without another primary",
}


def story_for(
    database: Database,
    source: Replica,
    reason: str,
    *,
    happened_at: datetime,
    actor: Actor,
    now: datetime,
) -> Incident:
    """The incident that the database belongs to: its host's, else one of that datacenter, else its
    own. What fails where a recovery plan brought it is no part of the loss that it left."""
    member = NewMember(MemberKind.DATABASE, str(database.pk), database.name)
    there = _incident_of(MemberKind.HOST, source.host_id) or _story_near(database, source)
    if there is not None:
        incidents.add_members(
            incident=there, members=[member], since=happened_at, actor=actor, now=now
        )
        return there
    return incidents.open_incident(
        domain=f"database:{database.pk}",
        title=f"{database} on {source.host.name}: {reason}"[:300],
        summary=reason,
        happened_at=happened_at,
        members=[member],
        actor=actor,
        reason=reason,
        now=now,
    )


def story_of(database: Database) -> Incident | None:
    """The unresolved incident that this database is a member of."""
    return _incident_of(MemberKind.DATABASE, database.pk)


def _story_near(database: Database, source: Replica) -> Incident | None:
    """The newest one of it that is about a host where `source` stands, or about no host."""
    found = (row.incident for row in _memberships(MemberKind.DATABASE, database.pk))
    return next((one for one in found if _is_near(one, source.host.datacenter_id)), None)


def _is_near(incident: Incident, datacenter: UUID) -> bool:
    causes = Member.objects.filter(incident=incident, kind=MemberKind.HOST, is_cause=True)
    hosts = list(causes.values_list("object_id", flat=True))
    sites = set(Host.objects.filter(pk__in=hosts).values_list("datacenter", flat=True))
    return not sites or datacenter in sites


def _incident_of(kind: MemberKind, object_id: UUID) -> Incident | None:
    row = _memberships(kind, object_id).first()
    return row.incident if row else None


def _memberships(kind: MemberKind, object_id: UUID) -> QuerySet[Member]:
    """In what is not over, the newest first."""
    rows = Member.objects.filter(
        kind=kind, object_id=str(object_id), incident__state__in=sorted(UNRESOLVED)
    )
    return rows.select_related("incident").order_by("-incident__opened_at", "-incident__number")


def tell(
    failover: Failover, kind: str, said: str, *, why: str, actor: Actor, now: datetime
) -> None:
    """A line in the failover's story."""
    if failover.incident is not None:
        _line(failover.incident, kind, said, why=why, actor=actor, now=now)


def tell_of(
    database: Database, kind: str, said: str, *, why: str, actor: Actor, now: datetime
) -> None:
    """A line in the story that this database belongs to, if there is one."""
    incident = story_of(database)
    if incident is not None:
        _line(incident, kind, said, why=why, actor=actor, now=now)


def _line(
    incident: Incident, kind: str, said: str, *, why: str, actor: Actor, now: datetime
) -> None:
    incidents.tell(
        incident=incident,
        kind=kind,
        said=said,
        why=why,
        happened_at=now,
        actor=actor,
        tone="risk" if kind in RISKS else "",
        now=now,
    )
