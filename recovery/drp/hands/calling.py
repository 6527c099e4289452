"""webhook: a row that is due; whoever delivers (not the leader, which may not wait) sends it.

Invariant: one delivery id for each key, which is the id of its row and is signed with what is sent,
so that a receiver can drop what comes twice after a death.
"""

from __future__ import annotations

from dataclasses import dataclass

from recovery.core.errors import Refused
from recovery.drp.actions.calls import ask_call
from recovery.drp.actions.effects import beginning
from recovery.drp.hands.bench import Bench
from recovery.drp.journal import Call, CallState
from recovery.drp.sights import Heard, Order, Outcome

HEARD = {CallState.DELIVERED: Heard.DONE, CallState.FAILED: Heard.FAILED}


@dataclass(slots=True)
class Calling:
    """Its journal is the row."""

    bench: Bench

    def act(self, order: Order) -> Outcome:
        assert order.target is not None, "an act has a target"
        with beginning(order, self.bench.actor) as act:
            try:
                self.bench.refuse_drill(order.target)
            except Refused as error:
                return Outcome(Heard.FAILED, str(error))
            bench = self.bench
            ask_call(act=act, actor=bench.actor, reason=order.reason, now=bench.now)
        return self.look(order)

    def look(self, order: Order) -> Outcome:
        row = Call.objects.filter(key=order.key).first()
        if row is None:
            return Outcome(Heard.NEVER)
        heard = HEARD.get(CallState(row.state), Heard.UNDER_WAY)
        return Outcome(heard, row.said or f"It is {row.state}.")
