"""How the copies of one application stand while a datacenter is left."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from recovery.drp.journal import Effect, EffectKind
from recovery.drp.placing import CopySight
from recovery.inventory.facts import SEATED, PlacementState, Verdict
from recovery.inventory.models import Container, Placement
from recovery.scheduling.facts import ACTIVE
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
