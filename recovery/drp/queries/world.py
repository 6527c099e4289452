"""The live inventory as conditions look at it: a fixed number of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.db.models import F, Q, Sum

from recovery.brief.queries import fleet_at
from recovery.detection.queries import blind_reason, pause_reason, standing_freezes
from recovery.drp.facts import Kind, Mode
from recovery.drp.looking import HostLook, ServiceLook, Serving, Unfit, World
from recovery.drp.plan import Plan
from recovery.drp.planning.leaving import keys_left, leaving
from recovery.drp.queries.inventory import inventory
from recovery.drp.queries.once import once
from recovery.drp.queries.people import database_now
from recovery.drp.runbooks.kinds import Condition
from recovery.failover.models import Failover, Fence, Lease
from recovery.failover.phases import ENDED
from recovery.inventory.facts import SEATED, DatabaseState, PlacementState, Verdict
from recovery.inventory.models import Application, Database, Host, Placement, Replica
from recovery.restores.lost import GONE

FRESH = timedelta(seconds=15)
"""An agent's word on its server is repeated every second or two; an older one says nothing."""


def world(
    lost: str,
    into: str,
    *,
    blind: str = "",
    only: frozenset[str] = frozenset(),
    is_given_up: bool = False,
) -> World:
    """As of now. `blind`: what whoever looks knows of its own eyes; the rows say it, too. `only`:
    keys of the services that are asked about; `is_given_up`: what is led in `lost` serves nobody,
    whoever still lives there."""
    there = once(("world", lost, into, is_given_up), lambda: _read(lost, into, is_given_up))
    return replace(there, blind=blind or there.blind, only=only)


def _read(lost: str, into: str, is_given_up: bool) -> World:
    return World(
        lost=lost,
        into=into,
        hosts=hosts_now(),
        services=(*_databases(lost, is_given_up), *_applications(lost)),
        blind=blind_reason(),
        frozen=_frozen(),
    )


def world_of(plan: Plan, *, blind: str = "", only: frozenset[str] | None = None) -> World:
    """As a plan asks: about what it moves back, where it takes an earlier run back, else about
    `only` these."""
    asked = frozenset(move.target.key for move in plan.moves) if only is None else only
    given_up = plan.mode is Mode.DISASTER
    there = world(plan.lost.name, plan.into.name, blind=blind, only=asked, is_given_up=given_up)
    told = leaving(plan)
    return replace(
        there,
        out=keys_left(plan),
        leaving=told.said if told else "",
        anywhere=not plan.stays_within and not plan.origin,
        absent=_absent(plan) if only is None else frozenset(),
    )


def _absent(plan: Plan) -> frozenset[str]:
    kinds = {move.target.type for move in plan.moves}
    return frozenset({"database", "application"} - kinds) if kinds else frozenset()


def world_for(
    conditions: Collection[str], plan: Plan, *, blind: str = "", only: frozenset[str] | None = None
) -> World:
    """As `world_of`, for these: the whole scheduler is asked only where one is about room."""
    there = world_of(plan, blind=blind, only=only)
    if Condition.CAPACITY_IS_THERE in conditions:
        there = replace(there, unfit=unfit_of(plan))
    if Condition.DATACENTER_IS_EMPTY in conditions:
        there = replace(there, serving=serving_in(plan.lost.name))
    return there


def _frozen() -> str:
    """A person's pause of everything, or what plans froze."""
    return pause_reason() or "; ".join(row.said for row in standing_freezes())


def hosts_now() -> tuple[HostLook, ...]:
    """With the memory that nobody sits on."""
    seats = Placement.objects.filter(state__in=sorted(SEATED)).values("host")
    taken: dict[UUID, int] = dict(seats.annotate(mib=Sum("memory_mib")).values_list("host", "mib"))
    return tuple(
        HostLook(
            name=row.name,
            site=row.datacenter.name,
            is_heard=row.verdict == Verdict.ALIVE and row.quarantined_at is None,
            is_gone=row.verdict in GONE,
            free=0 if row.cordoned_at else max(0, row.memory_mib - taken.get(row.pk, 0)),
        )
        for row in Host.objects.select_related("datacenter").order_by("name")
    )


def _databases(lost: str, is_given_up: bool) -> tuple[ServiceLook, ...]:
    serving = _serving(lost if is_given_up else "")
    fenced = _fenced()
    return tuple(
        ServiceLook(
            key=f"database:{row.id}",
            name=row.name,
            site=row.home,
            is_serving=UUID(row.id) in serving,
            is_whole=bool(row.standbys) or row.plan == "starter",
            is_restorable=bool((row.restorable and not row.is_unreadable) or row.standbys - {lost}),
            is_fenced=UUID(row.id) in fenced,
        )
        for row in inventory().databases
    )


def _serving(given_up: str) -> set[UUID]:
    """Databases whose primary is seen to accept writes: its host lives, is trusted, stands behind
    no fence and in nothing that is given up, and its agent said so a moment ago, in the epoch that
    counts. A row that says so alone says nothing: it stays as it was when everything died."""
    heard = Q(primary__sight__at__gte=database_now() - FRESH)
    writes = Q(
        primary__sight__is_writable=True,
        primary__sight__state="running",
        primary__sight__epoch__gte=F("epoch"),
    )
    lives = Q(primary__host__verdict=Verdict.ALIVE, primary__host__quarantined_at=None)
    fences = Fence.objects.filter(state="standing").values("datacenter")
    rows = Database.objects.filter(heard, writes, lives, state=DatabaseState.SERVING)
    rows = rows.exclude(primary__host__datacenter__in=fences)
    return set(rows.exclude(primary__host__datacenter__name=given_up).values_list("pk", flat=True))


def _fenced() -> set[UUID]:
    """Databases whose primary, by the proof of a failover that is under way, cannot be written to:
    a lease that ended, a receipt, or two people's word. A promotion opens the next gate."""
    rows = Failover.objects.filter(
        fenced_at__isnull=False,
        proof__isnull=False,
        promoted_at=None,
        source=F("database__primary"),
    )
    failing = set(rows.exclude(phase__in=sorted(ENDED)).values_list("database", flat=True))
    return failing | _behind_fences()


def _behind_fences() -> set[UUID]:
    """Proven behind a fence that stands, while neither the primary, nor its epoch, nor the number
    of its lease is another."""
    told = [one for row in Fence.objects.filter(state="standing") for one in row.proofs]
    keys = {UUID(one["database"]) for one in told}
    leads = {
        pk: (str(primary), epoch)
        for pk, primary, epoch in Database.objects.filter(pk__in=keys).values_list(
            "pk", "primary", "epoch"
        )
    }
    numbers = {
        pk: list(number)
        for pk, *number in Lease.objects.filter(database__in=keys).values_list(
            "database", "epoch", "incarnation", "sequence"
        )
    }
    return {
        key
        for one in told
        if leads.get(key := UUID(one["database"])) == (one["replica"], one["epoch"])
        and (one["number"] is None or numbers.get(key) == one["number"])
    }


def _applications(lost: str) -> tuple[ServiceLook, ...]:
    """A copy behind a fence that stands is none: nothing of its datacenter is wanted to run."""
    fenced = set(Fence.objects.filter(state="standing").values_list("datacenter__name", flat=True))
    running: dict[UUID, int] = defaultdict(int)
    there: dict[UUID, int] = defaultdict(int)
    needs: dict[UUID, int] = defaultdict(int)
    rows = Placement.objects.filter(state__in=sorted(SEATED)).values_list(
        "application", "host__datacenter__name", "state", "memory_mib", "host__verdict"
    )
    for application, site, state, memory, verdict in rows:
        if site == lost:
            needs[application] += memory
            lives = state == PlacementState.RUNNING and verdict == Verdict.ALIVE
            there[application] += lives and site not in fenced
        elif state == PlacementState.RUNNING and site not in fenced:
            running[application] += 1
    return tuple(
        ServiceLook(
            key=f"application:{row.pk}",
            name=row.name,
            site=lost if needs[row.pk] else "",
            is_serving=running[row.pk] > 0,
            is_whole=running[row.pk] + there[row.pk] >= row.copies,
            needs=needs[row.pk],
        )
        for row in Application.objects.filter(copies__gt=0).order_by("-priority", "name")
    )


def serving_in(site: str) -> tuple[Serving, ...]:
    """By the rows: what sits there and which databases are led there, but on hosts that are lost.
    An old row of a host that nobody hears says neither that it serves nor that it does not."""
    hosts = Host.objects.filter(datacenter__name=site).exclude(verdict=Verdict.LOST)
    seats = Placement.objects.filter(state__in=sorted(SEATED - {PlacementState.LOST}))
    led = Replica.objects.filter(host__in=hosts, leads__isnull=False)
    rows = [
        ("database", led.values_list("database", "database__name", "host__name", "host__verdict")),
        (
            "application",
            seats.filter(host__in=hosts)
            .values_list("application", "application__name", "host__name", "host__verdict")
            .distinct(),
        ),
    ]
    return tuple(
        Serving(f"{kind}:{key}", name, host, is_seen=verdict == Verdict.ALIVE)
        for kind, found in rows
        for key, name, host, verdict in found
    )


def unfit_of(plan: Plan) -> tuple[Unfit, ...]:
    """Of what its steps place, as of now: the same that the brief says. It is of the moment, so it
    is no part of the plan that is signed. A drill brings its own hosts, and a way back moves only
    what is whole already."""
    names = frozenset(
        target.name
        for step in plan.steps
        if step.kind is Kind.PLACE_APPLICATIONS
        for wave in step.waves
        for target in wave
    )
    if not names or plan.origin or plan.mode is Mode.DRILL:
        return ()
    into = plan.into.name if plan.stays_within else ""
    found = once(("unfit", plan.lost.name, into), lambda: _unfit_of_site(plan.lost.name, into))
    return tuple(one for one in found if one.name in names)


def _unfit_of_site(lost: str, into: str) -> tuple[Unfit, ...]:
    """What only waits (for a proof, for the governor) is left out: there may be room for it."""
    fleet = fleet_at(database_now())
    if lost not in fleet.sites:
        return ()
    misfits = [one for one in fleet.fit(lost, into).misfits if not one.is_waiting]
    named = Application.objects.filter(name__in={one.application for one in misfits})
    memory = dict(named.values_list("name", "memory_mib"))
    return tuple(
        Unfit(
            one.application, one.copies, one.needs, one.reason, memory[one.application] * one.copies
        )
        for one in misfits
    )
