"""place_applications of what lives: a drain of one copy after the other, by the plan's word.

Invariants: what is written of a copy and the key of the act stand in one transaction, so that the
same order twice, or another leader, starts nothing twice; nothing is moved while rescheduling would
take it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from recovery.core.errors import Refused
from recovery.detection.facts import Part
from recovery.detection.queries import frozen_reason
from recovery.drp.actions.effects import beginning, note_effects
from recovery.drp.hands.bench import Bench
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.moving import Move, Turn, next_turn
from recovery.drp.queries.copies import seats_of
from recovery.drp.sights import Heard, Order, Outcome
from recovery.inventory.models import Container
from recovery.scheduling.actions import carry_out
from recovery.scheduling.queries import snapshot_of


@dataclass(slots=True)
class Moving:
    """Its journal: the seats that it asked for. Where each copy stands is asked of the rows."""

    bench: Bench

    def act(self, order: Order) -> Outcome:
        """One step of one copy; called again while there is a next one."""
        assert order.target is not None, "an act has a target"
        bench = self.bench
        with beginning(order, bench.actor) as act:
            try:
                bench.refuse_drill(order.target)
                _refuse_thawed()
            except Refused as error:
                return Outcome(Heard.FAILED, str(error))
            turn = self._turn(order)
            carry_out(decision=turn.decision, actor=bench.actor, now=bench.now)
            asked = {(one.ordinal, one.generation) for one in turn.decision.places}
            noted = [
                (EffectKind.SEAT, row.pk, str(row), row.reason)
                for row in seats_of(UUID(order.target.id))
                if (row.container.ordinal, row.generation) in asked
            ]
            note_effects(
                act=act, noted=noted, actor=bench.actor, reason=order.reason, now=bench.now
            )
        seen = self._turn(order).outcome
        return seen if seen.heard is not Heard.NEVER else Outcome(Heard.UNDER_WAY, seen.said)

    def look(self, order: Order) -> Outcome:
        return self._turn(order).outcome

    def _turn(self, order: Order) -> Turn:
        assert order.target is not None, "an act has a target"
        plan, application = self.bench.plan, UUID(order.target.id)
        taken = plan.move(order.target)
        move = Move(
            order.target.id,
            order.target.name,
            "" if taken else plan.lost.name,
            plan.into.name,
            frozenset(taken.copies) if taken else self._begun(order),
        )
        snapshot = snapshot_of([application], self.bench.now)
        return next_turn(move, snapshot, self.bench.now)

    def _begun(self, order: Order) -> frozenset[int]:
        """Without a run that is taken back: what sits there, and what this act moved already."""
        assert order.target is not None, "an act has a target"
        seats = seats_of(UUID(order.target.id))
        there = {
            seat.container.ordinal
            for seat in seats
            if seat.host.datacenter.name == self.bench.plan.lost.name
        }
        mine = Effect.objects.filter(key=order.key, kind=EffectKind.SEAT).values("object")
        slots = Container.objects.filter(placements__in=mine, wanted=True)
        return frozenset(there | set(slots.values_list("ordinal", flat=True)))


def _refuse_thawed() -> None:
    if not frozen_reason(Part.RESCHEDULING):
        raise Refused("Rescheduling is not frozen: it would take back what is begun here.")
