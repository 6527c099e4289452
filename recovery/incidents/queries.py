"""Rows of incidents as facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from recovery.incidents import flapping
from recovery.incidents.facts import (
    UNRESOLVED,
    IncidentFact,
    IncidentState,
    MemberFact,
    MemberKind,
    NewMember,
)
from recovery.incidents.flapping import BOUNDS, REOPENED, RESOLVED, Bound, Over, Spell, spells
from recovery.incidents.models import Incident, Member, TimelineEntry
from recovery.inventory.facts import DatabaseState, Plan, ReplicaState, Role, Verdict
from recovery.inventory.models import Application, Database, Host, Placement

Whole = dict[tuple[str, str], tuple[bool, str]]
ALIVE = frozenset({Verdict.ALIVE})
GONE = frozenset({Verdict.LOST, Verdict.HUNG, Verdict.UNKNOWN})
NOT_GONE = frozenset(Verdict) - GONE
"""Somebody hears of these; of who is only suspected nothing rings yet."""


def over(incident: Incident) -> Over:
    """One that is over, as a fact. Observation closes an incident, or a person with a reason."""
    assert incident.resolved_at is not None, "it is over"
    lines = TimelineEntry.objects.filter(incident=incident, kind=RESOLVED).order_by("-pk")
    by = lines.values_list("actor", flat=True).first() or ""
    return Over(incident.resolved_at, incident.joined_id is not None, by.startswith("person:"))


def spells_of(incidents: Collection[UUID]) -> Mapping[UUID, tuple[Spell, ...]]:
    """Each happening of these, by incident."""
    lines: dict[UUID, list[Bound]] = defaultdict(list)
    rows = TimelineEntry.objects.filter(incident__in=incidents, kind__in=BOUNDS).order_by("pk")
    for key, kind, at in rows.values_list("incident", "kind", "happened_at"):
        lines[key].append(Bound(kind, at))
    return {key: spells(bounds) for key, bounds in lines.items()}


def times_of(incident: Incident) -> tuple[int, datetime]:
    """How often it happened so far, and when first."""
    found = spells_of([incident.pk]).get(incident.pk, ())
    return max(1, len(found)), found[0].began_at if found else incident.happened_at


def back_at(incident: Incident) -> datetime:
    """Since when it is hurt, again or for the first time."""
    lines = TimelineEntry.objects.filter(incident=incident, kind=REOPENED)
    newest: datetime | None = lines.aggregate(at=Max("recorded_at"))["at"]
    return max(incident.opened_at, newest or incident.opened_at)


def is_carried(incident: Incident) -> bool:
    """Whether who has it took it before it was back (`flapping`)."""
    return incident.acknowledged_at is not None and flapping.is_carried(
        incident.acknowledged_at, back_at(incident)
    )


def gone_hosts(members: QuerySet[Member]) -> list[str]:
    """Ids of the hosts of these that are gone."""
    hosts = members.filter(kind=MemberKind.HOST).values_list("object_id", flat=True)
    rows = Host.objects.filter(pk__in=list(hosts), verdict__in=sorted(GONE))
    return [str(pk) for pk in rows.values_list("pk", flat=True)]


def grave_of(incident: Incident) -> list[str]:
    """What of it is never quiet at this moment, each with its sentence."""
    return _grave(Member.objects.filter(incident=incident).values_list("kind", "object_id", "name"))


def grave_in(members: Sequence[NewMember]) -> list[str]:
    """What of these is never quiet at this moment, each with its sentence: asked of the world, for
    the host that held a standby may hold the primary now."""
    return _grave((str(one.kind), one.object_id, one.name) for one in members)


def _grave(members: Iterable[tuple[str, str, str]]) -> list[str]:
    names = {(kind, key): name for kind, key, name in members}
    of_kind = defaultdict(list)
    for kind, key in names:
        of_kind[kind].append(key)
    databases = _whole_databases(of_kind[MemberKind.DATABASE], NOT_GONE)
    found = {key: said for key, (is_whole, said) in databases.items() if not is_whole}
    applications = of_kind[MemberKind.APPLICATION]
    running = _running(applications, NOT_GONE)
    for (pk,) in Application.objects.filter(pk__in=applications, copies__gt=0).values_list("pk"):
        if not running[str(pk)]:
            found[MemberKind.APPLICATION, str(pk)] = "does not answer, no copy of it runs"
    return sorted(f"{names[key]} {said}" for key, said in found.items())


def unknown_of(incident: Incident, members: Sequence[NewMember]) -> list[str]:
    """Names of those that it never hurt before."""
    rows = Member.objects.filter(incident=incident)
    known = set(rows.values_list("kind", "object_id"))
    return [one.name for one in members if (str(one.kind), one.object_id) not in known]


def unknown_in(domain: str, members: Sequence[NewMember]) -> list[str]:
    """Names of those that the newest incident of this domain never hurt."""
    newest = Incident.objects.filter(domain=domain).order_by("-opened_at", "-number").first()
    return unknown_of(newest, members) if newest else [one.name for one in members]


def incident_facts(*, now: datetime) -> list[IncidentFact]:
    """Every unresolved incident with its members as the rows of the world show them now.

    Asked only by who sees: Tocsin's own eyes are whole.
    """
    incidents = list(Incident.objects.filter(state__in=UNRESOLVED))
    if not incidents:
        return []
    members: dict[object, list[Member]] = defaultdict(list)
    for member in Member.objects.filter(incident__in=incidents).order_by("pk"):
        members[member.incident_id].append(member)
    whole = _whole_by_member([m for group in members.values() for m in group])
    return [
        IncidentFact(
            incident=str(incident.pk),
            state=IncidentState(incident.state),
            members=tuple(_member_fact(m, whole) for m in members[incident.pk]),
            whole_for=(now - incident.mitigated_at).total_seconds()
            if incident.mitigated_at
            else None,
            name=str(incident),
            is_of_eyes=any(m.kind == MemberKind.CONTROL for m in members[incident.pk]),
        )
        for incident in incidents
    ]


def _member_fact(member: Member, whole: Whole) -> MemberFact:
    is_whole, reason = whole.get((member.kind, member.object_id), (False, "is not known"))
    return MemberFact(member.pk, member.whole_at is not None, is_whole, f"{member.name} {reason}")


def _whole_by_member(members: list[Member]) -> Whole:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for member in members:
        by_kind[member.kind].append(member.object_id)
    found: Whole = {}
    for key in by_kind[MemberKind.CONTROL]:
        found[MemberKind.CONTROL, key] = (True, "see again")
    found |= _whole_applications(by_kind[MemberKind.APPLICATION])
    found |= _whole_hosts(by_kind[MemberKind.HOST])
    found |= _whole_databases(by_kind[MemberKind.DATABASE])
    return found


def _whole_applications(ids: list[str]) -> Whole:
    """Whole: as many seats run on living hosts as copies are wanted."""
    running = _running(ids, ALIVE)
    return {
        (MemberKind.APPLICATION, str(pk)): (
            running[str(pk)] >= copies,
            _application_says(running[str(pk)], copies),
        )
        for pk, copies in Application.objects.filter(pk__in=ids).values_list("pk", "copies")
    }


def _running(applications: list[str], verdicts: Collection[Verdict]) -> Mapping[str, int]:
    """How many seats of each run on hosts of which this is held to be true."""
    running: dict[str, int] = defaultdict(int)
    for (application,) in Placement.objects.filter(
        application__in=[UUID(pk) for pk in applications],
        state="running",
        host__verdict__in=sorted(verdicts),
    ).values_list("application_id"):
        running[str(application)] += 1
    return running


def _application_says(running: int, copies: int) -> str:
    again = "answers again, " if running >= copies else "answers, "
    return f"{again if running else 'does not answer, '}{running} of {copies}"


def _whole_databases(ids: list[str], verdicts: Collection[Verdict] = ALIVE) -> Whole:
    """Whole: its primary is on a living host, users are led to it, and a standby on a living host
    could take over where its plan has one. The host counts, for between its loss and the first
    step of the failover the database's own row still says that it serves."""
    standing = Q(
        replicas__role=Role.STANDBY,
        replicas__state=ReplicaState.MEMBER,
        replicas__host__verdict__in=sorted(verdicts),
    )
    rows = (
        Database.objects.filter(pk__in=[UUID(pk) for pk in ids])
        .select_related("primary__host")
        .annotate(standbys=Count("replicas", filter=standing))
    )
    return {
        (MemberKind.DATABASE, str(row.pk)): _whole_database(row, row.standbys, verdicts)
        for row in rows
    }


def _whole_database(
    row: Database, standbys: int, verdicts: Collection[Verdict]
) -> tuple[bool, str]:
    if missing := _missing_primary(row, verdicts):
        return False, missing
    if row.routed_epoch != row.epoch:
        return False, "accepts writes, and its users are not led to it yet"
    if row.plan == Plan.STARTER:
        return True, "accepts writes again"
    if row.degraded_at or not standbys:
        return False, "accepts writes, and nobody could take over from its primary yet"
    return True, "accepts writes, and a standby could take over"


def _missing_primary(row: Database, verdicts: Collection[Verdict]) -> str:
    """Why nobody can be serving its users; empty where somebody may be."""
    if row.state != DatabaseState.SERVING:
        return f"is {row.state}: {row.state_reason}"
    if row.primary is None:
        return "has no primary"
    host = row.primary.host
    if host.verdict not in verdicts:
        return f"has its primary on {host}, which is {host.verdict}"
    return ""


def _whole_hosts(ids: list[str]) -> Whole:
    """Whole: it lives again, or it is gone and nothing of it waits for a new seat. Of databases it
    says nothing: they are members of their own."""
    waiting: dict[str, int] = defaultdict(int)
    for (host,) in unreplaced_placements(ids).values_list("host_id"):
        waiting[str(host)] += 1
    return {
        (MemberKind.HOST, str(pk)): _whole_host(verdict, waiting[str(pk)])
        for pk, verdict in Host.objects.filter(pk__in=ids).values_list("pk", "verdict")
    }


def _whole_host(verdict: str, waiting: int) -> tuple[bool, str]:
    if verdict == Verdict.ALIVE:
        return True, "takes part again"
    if verdict not in {Verdict.LOST, Verdict.HUNG}:
        return False, f"is {verdict}"
    if waiting:
        verb = "waits" if waiting == 1 else "wait"
        return False, f"is {verdict} and {waiting} of its containers {verb} for a new seat"
    return True, f"is {verdict}, and no container of it waits for a new seat"


def unreplaced_placements(hosts: list[str]) -> QuerySet[Placement]:
    """Seats of these hosts whose container is wanted and runs nowhere else."""
    elsewhere = Placement.objects.filter(
        container=OuterRef("container"), state="running", host__verdict=Verdict.ALIVE
    )
    return Placement.objects.filter(
        ~Exists(elsewhere), host__in=[UUID(pk) for pk in hosts], container__wanted=True
    ).exclude(state__in=["stopped", "failed"])
