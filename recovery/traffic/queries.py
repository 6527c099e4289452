"""Rows as traffic's facts, and what the screens ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q

from recovery.engines.edge.doors import entry_point
from recovery.incidents.facts import UNRESOLVED, MemberKind
from recovery.incidents.models import Member
from recovery.inventory.facts import SEATED as OCCUPIED
from recovery.inventory.facts import PlacementState, Verdict
from recovery.inventory.models import Application, Database, Placement
from recovery.traffic.facts import Answer, Backend, Door, EdgePolicy, OutageFact, Route, Standing
from recovery.traffic.levels import month_of, standing_of
from recovery.traffic.models import Outage, Pulse
from recovery.traffic.routes import choose_routes
from recovery.traffic.traefik import configuration

FRESH = timedelta(seconds=5)
"""An older pulse says nothing any more: unknown."""


def edge_configuration(policy: EdgePolicy | None = None) -> Mapping[str, object]:
    """What the edge's poll gets: two statements. Raises when the rows cannot be read, and the
    edge then keeps what it has."""
    return configuration(current_routes(), policy or EdgePolicy(), current_doors())


def current_doors() -> tuple[Door, ...]:
    """Every database with a port at the edge, and its primary if users may be led there: at the
    present epoch, and at no other. An older one is never kept as the last good. Nobody is led
    behind a fence: a server without a lease starts by itself with its host, before it hears of it.
    """
    fences = "primary__host__datacenter__fences"
    rows = (
        Database.objects.exclude(edge_port=None)
        .annotate(fenced=Count(fences, filter=Q(**{f"{fences}__state": "standing"})))
        .order_by("name")
        .values_list(
            "name",
            "edge_port",
            "epoch",
            "routed_epoch",
            "primary__host__address",
            "primary__port",
            "fenced",
        )
    )
    return tuple(
        Door(
            database=name,
            entry_point=entry_point(edge_port or 0),
            server=f"{address}:{port}" if address and routed == epoch and not fenced else "",
        )
        for name, edge_port, epoch, routed, address, port, fenced in rows
    )


def current_routes(only: UUID | None = None) -> tuple[Route, ...]:
    """The routes of all applications that are wanted at all, or of one."""
    asked = {} if only is None else {"application": only}
    ran_last = (
        Placement.objects.filter(running_at__isnull=False, **asked)
        .order_by("application_id", "-running_at")
        .distinct("application_id")
    )
    rows = Placement.objects.filter(
        Q(state__in=OCCUPIED) | Q(pk__in=ran_last.values("pk")),
        application__copies__gt=0,
        **asked,
    ).values_list(
        "application__name",
        "container__ordinal",
        "generation",
        "host__address",
        "port",
        "state",
        "host__verdict",
        "provisional",
        "running_at",
        "application__health_path",
    )
    return choose_routes(
        Backend(name, ordinal, generation, address, port, PlacementState(state),
                Verdict(verdict), provisional, ran_at, path)
        for name, ordinal, generation, address, port, state, verdict, provisional, ran_at, path
        in rows
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Live:
    """What users get of an application now. `answer_rate`: share of the last minute's probes,
    None when nobody knows; `latency_ms`: median."""

    state: Answer
    answer_rate: float | None
    latency_ms: float | None
    seen_at: datetime | None


UNSEEN = Live(Answer.UNKNOWN, None, None, None)


def live_answers(now: datetime) -> dict[UUID, Live]:
    """The prober's newest word per application; unknown where it is old or missing."""
    found = {pulse.application_id: _live(pulse, now) for pulse in Pulse.objects.all()}
    everyone = Application.objects.values_list("pk", flat=True)
    return {pk: found.get(pk, UNSEEN) for pk in everyone}


def live_answer(application: UUID, now: datetime) -> Live:
    """Of one application."""
    pulse = Pulse.objects.filter(application=application).first()
    return _live(pulse, now) if pulse else UNSEEN


def _live(pulse: Pulse, now: datetime) -> Live:
    if now - pulse.at > FRESH or not pulse.asked:
        return Live(Answer.UNKNOWN, None, None, pulse.at)
    return Live(Answer(pulse.last), pulse.answered / pulse.asked, pulse.latency_ms, pulse.at)


def standings(now: datetime) -> dict[UUID, Standing]:
    """Each application's service level and what this month has used of it (H5)."""
    first, _ = month_of(now)
    outages: dict[UUID, list[OutageFact]] = defaultdict(list)
    rows = Outage.objects.filter(Q(ended_at=None) | Q(ended_at__gt=first))
    for application, started, ended in rows.values_list("application", "started_at", "ended_at"):
        outages[application].append(OutageFact(str(application), started, ended))
    return {
        pk: standing_of(copies, outages[pk], now)
        for pk, copies in Application.objects.values_list("pk", "copies")
    }


def open_outages() -> dict[UUID, Outage]:
    """The outages that last, by application."""
    return {outage.application_id: outage for outage in Outage.objects.filter(ended_at=None)}


def probed_applications() -> list[tuple[UUID, str, str]]:
    """(id, name, health path) of every application that is wanted."""
    rows = Application.objects.filter(copies__gt=0).order_by("name")
    return list(rows.values_list("pk", "name", "health_path"))


def last_pulses() -> dict[UUID, datetime]:
    """When the prober last knew anything, per application."""
    return dict(Pulse.objects.values_list("application", "at"))


def incident_of(application: UUID) -> UUID | None:
    """The unresolved incident that this application belongs to, the oldest first."""
    member = (
        Member.objects.filter(
            kind=MemberKind.APPLICATION,
            object_id=str(application),
            incident__state__in=UNRESOLVED,
        )
        .order_by("incident__opened_at")
        .first()
    )
    return member.incident_id if member else None
