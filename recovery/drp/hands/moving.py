"""place_applications of what lives: a drain of one copy after the other, by the plan's word.

Invariants: what is written of a copy and the key of the act stand in one transaction, so that the
same order twice, or another leader, starts nothing twice; nothing is moved while rescheduling would
take it back; a copy whose seats are given up again and again fails, with their number and reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from recovery.core.errors import Refused
from recovery.detection.facts import Part
from recovery.detection.queries import frozen_reason
from recovery.drp.actions.effects import beginning, note_effects
from recovery.drp.hands.bench import Bench
from recovery.drp.journal import EffectKind
from recovery.drp.moving import Turn
from recovery.drp.queries.copies import seats_of, spent_seats, turn_of
from recovery.drp.sights import Heard, Order, Outcome
from recovery.scheduling.actions import carry_out


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
            spent = spent_seats(key=order.key)
            if turn.decision.places and turn.ordinal in spent:
                name = f"{order.target.name}-{turn.ordinal}"
                return Outcome(Heard.FAILED, f"{name}: {spent[turn.ordinal]}")
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
        return turn_of(self.bench.plan, order.target, key=order.key, now=self.bench.now)


def _refuse_thawed() -> None:
    if not frozen_reason(Part.RESCHEDULING):
        raise Refused("Rescheduling is not frozen: it would take back what is begun here.")
