"""The only writer of seats: what was decided, in bulk, with its operations, in one transaction.

Each function belongs into the caller's transaction (`control.deciding`), so that a crash leaves
either all of a decision, operations included, or none of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db import transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.inventory.facts import PlacementState
from recovery.inventory.models import Application, Container, Placement
from recovery.operations import actions as operations
from recovery.operations import queries as operation_queries
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.scheduling import stories
from recovery.scheduling.facts import (
    Cause,
    Confirm,
    Decision,
    Kind,
    Lose,
    Place,
    Readopt,
    Start,
    Stop,
)
from recovery.scheduling.models import Release
from recovery.scheduling.ports import free_ports

FIRST = 1_000
"""Added to the urgency of a start without which an application answers nobody."""

Said = TypeVar("Said", Lose, Confirm, Readopt, Start, Stop, Place)


def carry_out(*, decision: Decision, actor: Actor, now: datetime) -> None:
    """Write all orders of a decision. What somebody else changed meanwhile is left alone."""
    kinds: tuple[tuple[type[object], Callable[..., None]], ...] = (
        (Lose, lose_placements),
        (Readopt, readopt_placements),
        (Place, place_containers),
        (Confirm, confirm_placements),
        (Start, start_placements),
        (Stop, stop_placements),
    )
    with transaction.atomic():
        for kind, write in kinds:
            orders = [order for order in decision.orders if isinstance(order, kind)]
            if orders:
                write(orders=orders, actor=actor, now=now)


def lose_placements(*, orders: Sequence[Lose], actor: Actor, now: datetime) -> None:
    """Their hosts are gone: no traffic, and orders that never left are taken back."""
    for reason, group in _by_reason(orders):
        seats = [UUID(order.seat) for order in group]
        unfinished = operation_queries.unfinished_of(seats)
        _take_back(unfinished, actor=actor, reason=reason, now=now)
        operations.doubt_operations(
            operations=[op.pk for op in unfinished if op.state == OperationState.HANDED],
            actor=actor,
            reason=reason,
            now=now,
        )
        transitions.move_many(
            Placement, seats, PlacementState.LOST, actor=actor, reason=reason, now=now
        )


def readopt_placements(*, orders: Sequence[Readopt], actor: Actor, now: datetime) -> None:
    """The seat counts again; its agent finds it in its desired state and reports."""
    for reason, group in _by_reason(orders):
        seats = [UUID(order.seat) for order in group]
        transitions.move_many(
            Placement,
            {pk: {"provisional": False} for pk in seats},
            PlacementState.STARTING,
            actor=actor,
            reason=reason,
            now=now,
        )
        releases = Release.objects.filter(placement__in=seats, void_at=None)
        transitions.amend_many(
            Release,
            {release.pk: {"void_at": now} for release in releases},
            action="void",
            actor=actor,
            reason=reason,
            now=now,
        )


def place_containers(*, orders: Sequence[Place], actor: Actor, now: datetime) -> None:
    """New seats with their ports, and the request to start each that is not only reserved."""
    apps = {str(a.pk): a for a in Application.objects.filter(pk__in=_ids(orders, "application"))}
    slots = _slots(orders)
    ports = free_ports(orders, now)
    for reason, group in _by_reason(orders):
        seats = [
            _seat(
                order,
                apps[order.application],
                slots[_key(order)],
                port=next(ports[order.host]),
                now=now,
            )
            for order in group
        ]
        transitions.create(seats, actor=actor, reason=reason, now=now)
        transitions.amend_many(
            Container,
            {seat.container_id: {"generation": seat.generation} for seat in seats},
            action="generation",
            actor=actor,
            reason=reason,
            now=now,
        )
        suspected = {
            seat.pk
            for seat, order in zip(seats, group, strict=True)
            if order.cause is Cause.SUSPECT
        }
        stories.tell_placed(seats=seats, suspected=suspected, actor=actor, now=now)
        started = [(seat, order) for seat, order in zip(seats, group, strict=True) if order.start]
        operations.request_operations(
            verb=Verb.START,
            placements=[seat for seat, _ in started],
            urgency={seat.pk: _urgency(order, apps[order.application]) for seat, order in started},
            actor=actor,
            reason=reason,
            now=now,
        )


def confirm_placements(*, orders: Sequence[Confirm], actor: Actor, now: datetime) -> None:
    """Provisional seats become the seats of record; reserved ones are started."""
    for reason, group in _by_reason(orders):
        changed = transitions.amend_many(
            Placement,
            {UUID(order.seat): {"provisional": False} for order in group},
            only={"provisional": True},
            action="confirmed",
            actor=actor,
            reason=reason,
            now=now,
        )
        moved = {UUID(order.seat) for order in group if order.is_move}
        stories.tell_confirmed(seats=changed, moved=moved, actor=actor, now=now)
        reserved = {order.seat for order in group if order.start}
        operations.request_operations(
            verb=Verb.START,
            placements=[seat for seat in changed if str(seat.pk) in reserved],
            urgency={seat.pk: FIRST for seat in changed},
            actor=actor,
            reason=reason,
            now=now,
        )


def start_placements(*, orders: Sequence[Start], actor: Actor, now: datetime) -> None:
    """Ask for the start of planned seats that no operation starts."""
    for reason, group in _by_reason(orders):
        seats = Placement.objects.filter(
            pk__in=[UUID(order.seat) for order in group], state=PlacementState.PLANNED
        )
        operations.request_operations(
            verb=Verb.START, placements=list(seats), actor=actor, reason=reason, now=now
        )


def stop_placements(*, orders: Sequence[Stop], actor: Actor, now: datetime) -> None:
    """Seats that nobody was told of yet end at once; the others are stopped by their agents."""
    for reason, group in _by_reason(orders):
        seats = [UUID(order.seat) for order in group]
        starts = [o for o in operation_queries.unfinished_of(seats) if o.verb == Verb.START]
        back = _take_back(starts, actor=actor, reason=reason, now=now)
        sent = {op.placement_id for op in starts if op.pk not in back}
        transitions.move_many(
            Placement,
            {pk: {"ended_at": now} for pk in seats if pk not in sent},
            PlacementState.STOPPED,
            seen={PlacementState.PLANNED},
            actor=actor,
            reason=reason,
            now=now,
        )
        moved = transitions.move_many(
            Placement, seats, PlacementState.STOPPING, actor=actor, reason=reason, now=now
        )
        unfinished = operation_queries.unfinished_of(seats)
        asked = {op.placement_id for op in unfinished if op.verb == Verb.STOP}
        operations.request_operations(
            verb=Verb.STOP,
            placements=[seat for seat in moved if seat.pk not in asked],
            actor=actor,
            reason=reason,
            now=now,
        )


def release_placement(
    *, placement: Placement, proof: str, actor: Actor, reason: str, now: datetime
) -> Release:
    """Put on record that this seat does not run: its singleton may be replaced (I-CT-1).

    Raises `Refused` unless the seat was lost, `Conflict` when it was released already.
    """
    if placement.application.kind != Kind.SINGLETON:
        raise Refused(
            f"{placement.application.name} is stateless: it needs no proof to be replaced."
        )
    if placement.state != PlacementState.LOST:
        raise Refused(
            f"{placement} is {placement.state}: a seat is released after its host was lost.",
            todo="Stop it, or wait for the verdict on its host.",
        )
    release = Release(placement=placement, proof=proof, released_at=now, released_by=actor.id)
    with transaction.atomic():
        Placement.objects.select_for_update().get(pk=placement.pk)
        there = Release.objects.filter(placement=placement, void_at=None).first()
        if there is not None:
            raise Conflict(f"{there.released_by} released it already.", todo="Nothing to do.")
        transitions.create([release], actor=actor, reason=reason, now=now)
        stories.tell_release(placement=placement, actor=actor, reason=reason, now=now)
    return release


def _take_back(
    unfinished: Sequence[Operation], *, actor: Actor, reason: str, now: datetime
) -> set[UUID]:
    """Withdraw those that were not handed out yet; the ids of those that were withdrawn."""
    kept = {OperationState.WAITING, OperationState.INTENDED}
    withdrawn = operations.withdraw_operations(
        operations=[op.pk for op in unfinished if op.state in kept],
        actor=actor,
        reason=reason,
        now=now,
    )
    return {op.pk for op in withdrawn}


def _by_reason(orders: Sequence[Said]) -> list[tuple[str, list[Said]]]:
    groups: dict[str, list[Said]] = defaultdict(list)
    for order in orders:
        groups[order.reason].append(order)
    return list(groups.items())


def _ids(orders: Iterable[Place], name: str) -> set[UUID]:
    return {UUID(getattr(order, name)) for order in orders}


def _key(order: Place) -> tuple[str, int]:
    return (order.application, order.ordinal)


def _slots(orders: Sequence[Place]) -> dict[tuple[str, int], Container]:
    rows = Container.objects.filter(application__in=_ids(orders, "application"))
    return {(str(row.application_id), row.ordinal): row for row in rows}


def _seat(
    order: Place, app: Application, slot: Container, *, port: int, now: datetime
) -> Placement:
    return Placement(
        container=slot,
        application=app,
        host_id=UUID(order.host),
        generation=order.generation,
        provisional=order.provisional,
        replaces_id=UUID(order.replaces) if order.replaces else None,
        port=port,
        cpu_millis=app.cpu_millis,
        memory_mib=app.memory_mib,
        reason=order.reason,
        planned_at=now,
    )


def _urgency(order: Place, app: Application) -> int:
    return app.priority + (FIRST if order.first else 0)
