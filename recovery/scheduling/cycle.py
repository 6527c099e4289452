"""One look at every application that is not at rest: load, decide, act."""

from __future__ import annotations

from datetime import datetime

from recovery.audit.facts import Actor
from recovery.core import clock, control
from recovery.core.errors import Conflict
from recovery.scheduling import actions, holds, queries
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import Decision, Policy
from recovery.scheduling.models import Hold, HoldState

STALE_SECONDS = 3.0
"""A decision on older facts is thrown away, never committed (I-CP-8)."""
ROUND = Policy(places_at_once=2_000)
"""At most so many seats a round, so that a round over the largest loss stays short."""


def reschedule(*, actor: Actor, now: datetime, policy: Policy = ROUND) -> Decision:
    """Bring seats towards what is wanted, one committed decision. Raises `NotLeader`."""
    began = clock.system.monotonic()
    unsettled = queries.unsettled_applications()
    if not unsettled and not Hold.objects.filter(state=HoldState.OPEN).exists():
        return Decision()
    decision = decide(queries.snapshot_of(unsettled, now, policy), now)
    with control.deciding(actor.epoch):
        if clock.system.monotonic() - began > STALE_SECONDS:
            raise Conflict("The facts grew too old while deciding.", todo="Look again.")
        actions.carry_out(decision=decision, actor=actor, now=now)
        holds.note_holds(decision=decision, actor=actor, now=now)
    return decision
