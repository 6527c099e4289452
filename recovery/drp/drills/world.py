"""What a drill's conditions look at: its own hosts, and what was begun on them.

Invariant: of production it reads who is there and what could be restored, and says of nothing in
production that it serves: whether databases serve and applications answer is asked of the drill's.
"""

from __future__ import annotations

from uuid import UUID

from recovery.detection.queries import blind_reason
from recovery.drp.drills.facts import ThingState, twin
from recovery.drp.drills.models import DrillThing
from recovery.drp.drills.queries import host_sights, is_up
from recovery.drp.looking import HostLook, ServiceLook, World
from recovery.drp.plan import Plan, Target
from recovery.drp.queries.inventory import inventory
from recovery.drp.queries.people import database_now
from recovery.inventory.models import Application, Host

TAKEN = "a drill takes it as frozen"


def drill_world(
    run: UUID, plan: Plan, *, blind: str = "", only: frozenset[str] = frozenset()
) -> World:
    """As of now; `blind` as world() has it. What is to be lost is taken as lost, fenced and frozen;
    nothing of it is."""
    up = _up(run)
    return World(
        lost=plan.lost.name,
        into=plan.into.name,
        hosts=(*_lost(plan), *_there(plan)),
        services=(*_databases(plan, up), *_applications(plan, up)),
        blind=blind or blind_reason(),
        frozen=TAKEN,
        only=only,
        room="on the hosts for drills",
        serving=(),
    )


def _up(run: UUID) -> frozenset[str]:
    """Targets for which something stands, and answered its host a moment ago."""
    now = database_now()
    rows = DrillThing.objects.filter(run=run, state=ThingState.STANDS)
    return frozenset(f"{row.kind}:{row.target}" for row in rows if is_up(row, now))


def _lost(plan: Plan) -> tuple[HostLook, ...]:
    rows = Host.objects.filter(datacenter__name=plan.lost.name).order_by("name")
    names = rows.values_list("name", flat=True)
    return tuple(HostLook(name, plan.lost.name, is_heard=False, is_gone=True) for name in names)


def _there(plan: Plan) -> tuple[HostLook, ...]:
    return tuple(
        HostLook(one.name, plan.into.name, is_heard=one.is_heard, is_gone=False, free=one.free)
        for one in host_sights()
    )


def _databases(plan: Plan, up: frozenset[str]) -> tuple[ServiceLook, ...]:
    """Those that the plan restores or promotes, and those that it left out."""
    named = {target.id for target in targets_of(plan, "database")}
    rows = [row for row in inventory("drill").databases if row.id in named]
    return tuple(
        ServiceLook(
            key=f"database:{row.id}",
            name=row.name,
            site=plan.lost.name,
            is_serving=f"database:{row.id}" in up,
            is_whole=f"database:{row.id}" in up,
            is_restorable=bool(row.restorable and not row.is_unreadable),
            is_fenced=True,
        )
        for row in rows
    )


def _applications(plan: Plan, up: frozenset[str]) -> tuple[ServiceLook, ...]:
    """One copy of each is started: that it starts from what is left is what is drilled."""
    named = {target.id: target for target in targets_of(plan, "application")}
    needs = {twin(str(row.pk)): row.memory_mib for row in Application.objects.all()}
    return tuple(
        ServiceLook(
            key=target.key,
            name=target.name,
            site=plan.lost.name,
            is_serving=target.key in up,
            is_whole=target.key in up,
            needs=0 if target.key in up else needs.get(id, 0),
        )
        for id, target in named.items()
    )


def targets_of(plan: Plan, kind: str) -> tuple[Target, ...]:
    """Each once, in the plan's order, with those that were left out."""
    taken = [target for step in plan.steps for wave in step.waves for target in wave]
    taken += [one.target for one in plan.left_out]
    found = {target.key: target for target in taken if target.type == kind}
    return tuple(found.values())
