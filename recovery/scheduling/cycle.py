"""One look at every application that is not at rest: load, decide, act."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.core import clock, control
from recovery.core.errors import Conflict
from recovery.scheduling import actions, holds, queries
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import Decision, Order, Policy, Stop
from recovery.scheduling.models import Hold, HoldState

STALE_SECONDS = 3.0
"""A decision on older facts is thrown away, never committed (I-CP-8)."""
ROUND = Policy(places_at_once=2_000)
"""At most so many seats a round, so that a round over the largest loss stays short."""


def reschedule(
    *, actor: Actor, now: datetime, policy: Policy = ROUND, kept: Collection[str] = ()
) -> Decision:
    """Bring seats towards what is wanted, one committed decision. `kept`: seats that somebody else
    placed beside one that answers, and is not done with. Raises `NotLeader`."""
    began = clock.system.monotonic()
    unsettled = queries.unsettled_applications()
    if not unsettled and not Hold.objects.filter(state=HoldState.OPEN).exists():
        return Decision()
    decision = _without(kept, decide(queries.snapshot_of(unsettled, now, policy), now))
    with control.deciding(actor.epoch):
        if clock.system.monotonic() - began > STALE_SECONDS:
            raise Conflict("The facts grew too old while deciding.", todo="Look again.")
        actions.carry_out(decision=decision, actor=actor, now=now)
        holds.note_holds(decision=decision, actor=actor, now=now)
    return decision


def _without(kept: Collection[str], decision: Decision) -> Decision:
    """None of these is withdrawn because the copy it follows answers: that is what it waits for."""
    if not kept:
        return decision
    stays = [one for one in decision.orders if not _withdraws(one, kept)]
    return replace(decision, orders=tuple(stays))


def _withdraws(order: Order, kept: Collection[str]) -> bool:
    return isinstance(order, Stop) and order.withdrawal and order.seat in kept
