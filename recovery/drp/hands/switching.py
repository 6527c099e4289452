"""switch_traffic: users are led to the new places, and were seen to get an answer there.

The edge reads its routes, and each database's door, from the rows twice a second: no copy that is
lost, and no primary but that of the newest epoch, is in them. So there is nothing to throw; what
this hand does is to note the way of before, and to look at what users get.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from recovery.core.errors import Refused
from recovery.drp.actions.effects import beginning, note_effects
from recovery.drp.hands.bench import Bench
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.leading import led_application, led_database
from recovery.drp.queries.leading import application_led, database_led, led_before
from recovery.drp.sights import Heard, Order, Outcome


@dataclass(slots=True)
class Switching:
    """Its journal: where users were led before."""

    bench: Bench

    def act(self, order: Order) -> Outcome:
        assert order.target is not None, "an act has a target"
        bench, target = self.bench, order.target
        with beginning(order, bench.actor) as act:
            try:
                bench.refuse_drill(target)
            except Refused as error:
                return Outcome(Heard.FAILED, str(error))
            before = led_before(UUID(target.id), bench.plan.lost.name)
            note_effects(
                act=act,
                noted=[(EffectKind.ROUTE, UUID(target.id), target.name, before)],
                actor=bench.actor,
                reason=order.reason,
                now=bench.now,
            )
        return self.look(order)

    def look(self, order: Order) -> Outcome:
        assert order.target is not None, "an act has a target"
        if not Effect.objects.filter(key=order.key, kind=EffectKind.ROUTE).exists():
            return Outcome(Heard.NEVER)
        pk = UUID(order.target.id)
        if order.target.type == "database":
            return led_database(database_led(pk), self.bench.plan.lost.name, self.bench.now)
        return led_application(application_led(pk, self.bench.now))
