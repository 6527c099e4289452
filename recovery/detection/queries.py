"""Rows as facts for the cycle, and lists for the screens."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Max

from recovery.core import incarnations
from recovery.detection.facts import DOWN, FreezeState, Part
from recovery.detection.folding import OpenRow
from recovery.detection.models import Brake, Freeze, LossVouch, PolicyVersion, Situation
from recovery.detection.policy import Policy
from recovery.detection.sights import Roster
from recovery.detection.situations import Scope
from recovery.detection.vouching import Silence, VouchState
from recovery.incidents.facts import UNRESOLVED, MemberKind, NewMember
from recovery.incidents.models import Incident, Member
from recovery.inventory.facts import SEATED, Plan, Replace, ReplicaState, Role, Verdict
from recovery.inventory.models import Application, Database, Datacenter, Host, Replica
from recovery.inventory.queries import silent_hosts

Stamp = tuple[int, datetime | None]


@dataclass(frozen=True, slots=True)
class OpenVouch:
    """A word that a datacenter is lost, asked for or standing."""

    pk: UUID
    site: str
    state: VouchState
    expires_at: datetime


def roster_stamp() -> Stamp:
    """Changes when a host joins or goes: then the roster is read again."""
    found = Host.objects.exclude(verdict=Verdict.ENROLLING).aggregate(
        count=Count("pk"), newest=Max("enrolled_at")
    )
    return found["count"], found["newest"]


def roster() -> Roster:
    """Every host that has been alive once, with the domains that it shares with others."""
    rows = list(
        Host.objects.exclude(verdict=Verdict.ENROLLING)
        .order_by("name")
        .values_list(
            "pk",
            "name",
            "datacenter__name",
            "datacenter__region",
            "rack__kind",
            "rack__name",
            "rack__room",
        )
    )
    return Roster.of(
        hosts=[pk.hex for pk, *_ in rows],
        names=[row[1] for row in rows],
        datacenters=[row[2] for row in rows],
        domains=[_domain(*row[2:3], *row[4:6]) for row in rows],
        regions={row[2]: row[3] for row in rows if row[3]},
    )


def _domain(datacenter: str, kind: str, name: str) -> frozenset[str]:
    return frozenset({f"{datacenter} {kind} {name}"})


def standing_hosts() -> dict[str, tuple[Verdict, Replace, bool]]:
    """The hosts that are neither alive nor still enrolling, by hex id; and whether their loss is
    settled."""
    rows = Host.objects.exclude(verdict__in=[Verdict.ALIVE, Verdict.ENROLLING]).values_list(
        "pk", "verdict", "replace", "verdict_at", "settled_loss__verdict_at"
    )
    return {
        pk.hex: (Verdict(verdict), Replace(grant), settled is not None and settled == at)
        for pk, verdict, grant, at, settled in rows
    }


def brake() -> Brake:
    """The brake as it stands; an unsaved one before it was ever touched."""
    return Brake.objects.first() or Brake()


def pause_reason() -> str:
    """Why automation is paused, or nothing: for every decider (I-BR-5)."""
    if quarantined := incarnations.quarantine_reason():
        return quarantined
    now = brake()
    return f"{now.pause_reason} ({now.paused_by})" if now.paused_at else ""


def standing_freezes() -> list[Freeze]:
    """What recovery plans have frozen, the oldest first."""
    return list(Freeze.objects.filter(state=FreezeState.STANDING))


def frozen_reason(part: Part) -> str:
    """Why nothing of this part begins by itself, or nothing: everything is paused, or a recovery
    plan froze it. What a run does by its own authority asks `pause_reason` alone."""
    return frozen_reasons().get(part, "")


def frozen_reasons() -> Mapping[Part, str]:
    """Of each part that does not begin by itself, why."""
    if paused := pause_reason():
        return dict.fromkeys(Part, paused)
    return frozen_by_plans()


def frozen_by_plans() -> Mapping[Part, str]:
    """Of each part that a recovery plan has frozen, why; also while people have paused all."""
    rows = standing_freezes()
    said = {part: " ".join(f"{row.said}." for row in rows if part in row.parts) for part in Part}
    return {part: why for part, why in said.items() if why}


def blind_reason() -> str:
    """Why Tocsin sees nothing at the moment, or nothing."""
    now = brake()
    return " ".join(now.blind_reasons) if now.blind_at else ""


def blind_since() -> datetime | None:
    """None where Tocsin sees."""
    return brake().blind_at


def open_vouches() -> tuple[OpenVouch, ...]:
    """Every word that a datacenter is lost, but for those that are over."""
    rows = LossVouch.objects.exclude(state=VouchState.OVER)
    names = ("pk", "datacenter__name", "state", "expires_at")
    return tuple(
        OpenVouch(pk, site, VouchState(state), until)
        for pk, site, state, until in rows.values_list(*names)
    )


def silences(now: datetime) -> dict[str, Silence]:
    """Of every datacenter, in the order of the map: who of it is heard by its own words."""
    silent = silent_hosts(now)
    found: dict[str, list[tuple[str, bool, bool]]] = {
        name: []
        for name in Datacenter.objects.order_by("position", "name").values_list("name", flat=True)
    }
    rows = Host.objects.exclude(verdict=Verdict.ENROLLING).order_by("name")
    for pk, name, site, verdict in rows.values_list("pk", "name", "datacenter__name", "verdict"):
        found[site].append((name, pk not in silent, verdict in DOWN))
    heard = {
        site: tuple(name for name, is_heard, _ in of if is_heard) for site, of in found.items()
    }
    every = sum(len(names) for names in heard.values())
    living = brake().living
    return {
        site: Silence(
            site=site,
            hosts=len(hosts),
            heard=heard[site],
            down=sum(is_down for *_, is_down in hosts),
            elsewhere=every - len(heard[site]),
            alive=living.get(site, ""),
        )
        for site, hosts in found.items()
    }


def policy() -> Policy:
    """The thresholds in force: the newest version, or the defaults."""
    newest = PolicyVersion.objects.first()
    if newest is None:
        return Policy()
    known = {field.name for field in fields(Policy)}
    figures = {name: value for name, value in newest.figures.items() if name in known}
    return Policy(**figures)


def open_situations() -> list[Situation]:
    """The situations that are going on, the newest first."""
    return list(Situation.objects.filter(state="open"))


def held_hosts() -> list[Host]:
    """Hosts whose containers wait for a person, with the reason on each row."""
    return list(
        Host.objects.filter(replace=Replace.HELD, verdict__in=sorted(DOWN))
        .select_related("datacenter", "rack")
        .order_by("datacenter__position", "name")
    )


def members_of(hosts: list[str]) -> list[NewMember]:
    """These hosts (hex ids) as causes, and the applications with seats on them as hurt."""
    ids = [UUID(host) for host in hosts]
    rows = Host.objects.filter(pk__in=ids).order_by("name").values_list("pk", "name")
    hurt = (
        Application.objects.filter(
            placements__host__in=ids,
            placements__state__in=sorted(SEATED),
            placements__container__wanted=True,
        )
        .distinct()
        .order_by("name")
        .values_list("pk", "name")
    )
    causes = [NewMember(MemberKind.HOST, str(pk), name, is_cause=True) for pk, name in rows]
    return [
        *causes,
        *(NewMember(MemberKind.APPLICATION, str(pk), name) for pk, name in hurt),
        *(NewMember(MemberKind.DATABASE, str(pk), name) for pk, name in _databases_on(ids)),
    ]


def _databases_on(hosts: Collection[UUID]) -> list[tuple[UUID, str]]:
    rows = Database.objects.filter(
        replicas__host__in=hosts, replicas__state=ReplicaState.MEMBER
    ).distinct()
    return list(rows.order_by("name").values_list("pk", "name"))


def stories_of_databases(hosts: Collection[str], since: datetime) -> list[Incident]:
    """Of databases with a copy on these hosts (hex ids): incidents of their own that happened since
    then and are not over."""
    there = Replica.objects.filter(host__in=[UUID(host) for host in hosts])
    keys = there.values_list("database", flat=True).distinct()
    rows = Incident.objects.filter(
        domain__in=[f"database:{key}" for key in keys],
        state__in=sorted(UNRESOLVED),
        happened_at__gte=since,
    )
    return list(rows.order_by("number"))


def databases_said(hosts: Collection[str]) -> str:
    """The databases of these hosts (hex ids) in a sentence, primaries first (H6); or nothing."""
    rows = (
        Replica.objects.filter(host__in=[UUID(host) for host in hosts], state=ReplicaState.MEMBER)
        .exclude(role=Role.OUT)
        .order_by("role", "database__name")
        .values_list("database__name", "database__plan", "role")
    )
    named = [
        f"{name} ({role}{', starter plan' if plan == Plan.STARTER else ''})"
        for name, plan, role in rows
    ]
    if not named:
        return ""
    more = f" and {len(named) - 8} more" if len(named) > 8 else ""
    return f"Databases: {', '.join(named[:8])}{more}."


def open_row(row: Situation) -> OpenRow:
    """One that is open, as a fact."""
    return OpenRow(str(row.pk), row.key, Scope(row.scope), frozenset(row.hosts))


def host_names(hosts: list[str]) -> Mapping[str, str]:
    """Names by hex id."""
    rows = Host.objects.filter(pk__in=[UUID(host) for host in hosts]).values_list("pk", "name")
    return {pk.hex: name for pk, name in rows}


def stories_of(hosts: list[str]) -> Mapping[str, Incident]:
    """The unresolved incident in which each of these hosts (hex ids) is a cause, the newest."""
    rows = (
        Member.objects.filter(
            kind=MemberKind.HOST,
            is_cause=True,
            object_id__in=[str(UUID(host)) for host in hosts],
            incident__state__in=sorted(UNRESOLVED),
        )
        .select_related("incident")
        .order_by("incident__opened_at", "incident__number")
    )
    return {UUID(row.object_id).hex: row.incident for row in rows}
