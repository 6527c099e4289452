"""How the copies of one application stand while a datacenter is left, and what is next for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from recovery.drp.journal import Effect, EffectKind
from recovery.drp.moving import Move, Turn, next_turn
from recovery.drp.placing import CopySight, reasons, under_authority
from recovery.drp.plan import Plan, Target
from recovery.inventory.facts import SEATED, PlacementState, Verdict
from recovery.inventory.models import Container, Placement
from recovery.operations.facts import UNFINISHED, OperationState
from recovery.operations.models import Operation
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import ACTIVE, Decision
from recovery.scheduling.queries import snapshot_of
from recovery.scheduling.reconcile import GONE

LIVES = frozenset({Verdict.ALIVE, Verdict.AGENT_DOWN})
"""Verdicts under which the containers of a host are known to answer."""


def seats_of(application: UUID) -> list[Placement]:
    """Every seat that occupies a host, oldest first."""
    rows = Placement.objects.filter(application=application, state__in=sorted(SEATED))
    wanted = rows.select_related("container__application", "host__datacenter")
    return list(wanted.order_by("generation", "pk"))


def is_kept(seat: Placement, site: str) -> bool:
    """Whether it counts: in the datacenter that is left only a host that is seen to live."""
    if seat.host.datacenter.name == site:
        return seat.host.verdict in LIVES
    return seat.host.verdict not in GONE


def doubtful_seats(application: UUID, site: str) -> list[Placement]:
    """Those in the datacenter that is left of which nobody knows whether they run."""
    rows = [seat for seat in seats_of(application) if seat.host.datacenter.name == site]
    return [seat for seat in rows if seat.host.verdict not in LIVES | GONE]


def copies_of(application: UUID, site: str, *, key: str) -> Sequence[CopySight]:
    """Of each wanted copy its newest seat that counts, and what the act of this key noted of it."""
    seats: dict[UUID, Placement] = {}
    for seat in seats_of(application):
        if is_kept(seat, site) and seat.state in ACTIVE:
            seats[seat.container_id] = seat
    noted = Effect.objects.filter(key=key, kind=EffectKind.UNSEATED)
    unseated = dict(noted.values_list("object", "said"))
    slots = Container.objects.filter(application=application, wanted=True)
    return [
        CopySight(
            ordinal=slot.ordinal,
            name=str(slot),
            seat=seats[slot.pk].host.name if slot.pk in seats else "",
            runs=slot.pk in seats and seats[slot.pk].state == PlacementState.RUNNING,
            unseated=unseated.get(slot.pk, ""),
        )
        for slot in slots.select_related("application").order_by("ordinal")
    ]


def turn_of(plan: Plan, target: Target, *, key: str, now: datetime) -> Turn:
    """What follows now for the copies of an application that are moved by the act of this key."""
    taken = plan.move(target)
    move = Move(
        target.id,
        target.name,
        "" if taken else plan.lost.name,
        plan.into.name,
        frozenset(taken.copies) if taken else _begun(UUID(target.id), plan.lost.name, key),
    )
    return next_turn(move, snapshot_of([UUID(target.id)], now), now)


def _begun(application: UUID, site: str, key: str) -> frozenset[int]:
    """Without a run that is taken back: what sits there, and what this act moved already."""
    seats = seats_of(application)
    there = {seat.container.ordinal for seat in seats if seat.host.datacenter.name == site}
    mine = Effect.objects.filter(key=key, kind=EffectKind.SEAT).values("object")
    slots = Container.objects.filter(placements__in=mine, wanted=True)
    return frozenset(there | set(slots.values_list("ordinal", flat=True)))


def places_for(application: UUID, site: str, now: datetime) -> tuple[Decision, dict[int, str], str]:
    """Where what this datacenter took along would go now; of each copy that a person has to help
    why it goes nowhere; and what is waited for, where that passes by itself."""
    decision = decide(under_authority(snapshot_of([application], now), site), now)
    stuck, passing = reasons(decision)
    for seat in doubtful_seats(application, site):
        said = f"{seat.host} is {seat.host.verdict}: nobody knows that it does not run there"
        if seat.host.verdict == Verdict.SUSPECT:
            passing = passing or said
        elif seat.container.ordinal not in {place.ordinal for place in decision.places}:
            stuck.setdefault(seat.container.ordinal, f"{said}.")
    return decision, stuck, passing or "its seats are being looked for"


MOST_SEATS = 5
"""Of one copy by one act. A host may refuse one, or die with it; where five in a row came to
nothing it is the copy that does not start there, and a person has to look. Each try takes up to a
minute, so this is known within the time of every shipped step, and is not told as a time-out."""


def given_up(*, key: str) -> dict[int, list[Placement]]:
    """By the ordinal of the copy, the seats that the act of this key asked for and that are none
    any more, oldest first."""
    mine = Effect.objects.filter(key=key, kind=EffectKind.SEAT).values("object")
    rows = Placement.objects.filter(pk__in=mine).exclude(state__in=sorted(SEATED))
    found: dict[int, list[Placement]] = {}
    wanted = rows.select_related("container__application", "host")
    for row in wanted.order_by("generation", "pk"):
        found.setdefault(row.container.ordinal, []).append(row)
    return found


def spent_seats(*, key: str) -> dict[int, str]:
    """Copies for which the act of this key asks for no further seat, each with why."""
    return {
        ordinal: f"{len(rows)} seats of it were given up, and no further one is tried: {_end(rows)}"
        for ordinal, rows in given_up(key=key).items()
        if len(rows) >= MOST_SEATS
    }


def _end(rows: Sequence[Placement]) -> str:
    """How the last one ended."""
    last = rows[-1]
    why = last.detail or "it was withdrawn before it answered"
    return f"the last, {last}, is {last.state}: {why.rstrip('.')}."


def under_way(application: UUID, *, key: str) -> str:
    """Whom its oldest order waits for, and how often the act of this key had to begin anew."""
    orders = Operation.objects.filter(placement__application=application, state__in=UNFINISHED)
    first = orders.select_related("host").order_by("requested_at", "pk").first()
    said = f" The {first.verb} on {first.host.name} {_waits(first)}" if first else ""
    for rows in given_up(key=key).values():
        count = f"{len(rows)} of at most {MOST_SEATS}"
        said += f" {rows[-1].container}: seats given up before: {count}; {_end(rows)}"
    return said


def _waits(operation: Operation) -> str:
    if operation.state == OperationState.WAITING:
        why = operation.held_reason or "It was asked for just now."
        return f"waits for the governor: {why}"
    if operation.state == OperationState.INTENDED:
        return "waits for its agent to take it."
    if operation.state == OperationState.HANDED:
        return "is with its agent, which has not answered yet."
    return "was handed over, and nobody knows what became of it."
