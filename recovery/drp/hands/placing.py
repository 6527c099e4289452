"""place_applications: the copies that a lost datacenter took along get seats elsewhere.

Invariants: each seat is of the next generation of its container, written by scheduling's own
transaction together with the key of its act, so that the same order twice, or rescheduling beside
it, starts nothing twice; what has no host is told by name, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from recovery.core.errors import Refused
from recovery.drp.actions.effects import Noted, beginning, note_effects
from recovery.drp.hands.bench import Bench
from recovery.drp.journal import EffectKind
from recovery.drp.models import Act
from recovery.drp.placing import outcome_of
from recovery.drp.queries.copies import copies_of, places_for, seats_of, spent_seats
from recovery.drp.sights import Heard, Order, Outcome
from recovery.inventory.models import Container
from recovery.scheduling.actions import carry_out
from recovery.scheduling.facts import Decision, Place


@dataclass(slots=True)
class Placing:
    """Its journal: the seats that it asked for, and the copies for which it found none."""

    bench: Bench

    def act(self, order: Order) -> Outcome:
        assert order.target is not None, "an act has a target"
        with beginning(order, self.bench.actor) as act:
            try:
                self.bench.refuse_drill(order.target)
            except Refused as error:
                return Outcome(Heard.FAILED, str(error))
            passing = self._place(order, act)
        seen = self.look(order)
        if seen.heard is Heard.NEVER:
            return Outcome(Heard.UNDER_WAY, f"{order.target.name}: {passing}.")
        return seen

    def look(self, order: Order) -> Outcome:
        assert order.target is not None, "an act has a target"
        site = self.bench.plan.lost.name
        copies = copies_of(UUID(order.target.id), site, key=order.key)
        if not copies:
            return Outcome(Heard.DONE, f"{order.target.name}: no copy of it is wanted.")
        return outcome_of(order.target.name, copies)

    def _place(self, order: Order, act: Act) -> str:
        """Why it waits, where that passes by itself."""
        assert order.target is not None, "an act has a target"
        bench, application = self.bench, UUID(order.target.id)
        decision, stuck, passing = places_for(application, bench.plan.lost.name, bench.now)
        decision, spent = _but_spent(decision, spent_seats(key=order.key))
        stuck |= spent
        carry_out(decision=decision, actor=bench.actor, now=bench.now)
        slots = {row.ordinal: row for row in Container.objects.filter(application=application)}
        noted: list[Noted] = [
            (EffectKind.UNSEATED, slots[ordinal].pk, str(slots[ordinal]), why)
            for ordinal, why in stuck.items()
        ]
        noted += self._seats(decision, application)
        note_effects(act=act, noted=noted, actor=bench.actor, reason=order.reason, now=bench.now)
        return passing

    @staticmethod
    def _seats(decision: Decision, application: UUID) -> list[Noted]:
        asked = {(place.ordinal, place.generation) for place in decision.places}
        return [
            (EffectKind.SEAT, row.pk, str(row), row.reason)
            for row in seats_of(application)
            if (row.container.ordinal, row.generation) in asked
        ]


def _but_spent(decision: Decision, spent: Mapping[int, str]) -> tuple[Decision, dict[int, str]]:
    """Without further seats for copies that were tried often enough; of each why."""
    ours = {place.ordinal for place in decision.places} & spent.keys()
    orders = tuple(
        one for one in decision.orders if not (isinstance(one, Place) and one.ordinal in ours)
    )
    return replace(decision, orders=orders), {ordinal: spent[ordinal] for ordinal in ours}
