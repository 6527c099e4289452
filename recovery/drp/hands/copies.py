"""What agents are asked to do with the copies that came back: one hand for keeping and exporting.

Invariants: of one act each copy has one order at most, whoever dies in between; what its agent said
stands in the order's row, and nothing is done before every one of them said so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from recovery.core.errors import Refused
from recovery.drp.actions.effects import beginning
from recovery.drp.hands.bench import Bench
from recovery.drp.plan import Target
from recovery.drp.sights import Heard, Order, Outcome
from recovery.failover.actions.apart import returned_copies
from recovery.failover.actions.orders import order as order_act
from recovery.inventory.models import Replica
from recovery.operations.facts import UNFINISHED, OperationState, Verb
from recovery.operations.models import Operation


def copies_of(bench: Bench, target: Target) -> list[Replica]:
    """Of one database, those that came back."""
    return returned_copies([UUID(target.id)], bench.plan.into.name)


@dataclass(frozen=True, slots=True)
class Copies:
    """`verb`: what each agent is asked for; `why`: as its row says it. Its journal: the operations
    that name its act."""

    bench: Bench
    verb: Verb
    why: str

    def order_each(self, order: Order, **more: object) -> Outcome | None:
        """None: each has its order. `more`: what the order says beside whose it is."""
        assert order.target is not None, "an act has a target"
        bench = self.bench
        with beginning(order, bench.actor):
            try:
                bench.refuse_drill(order.target)
            except Refused as error:
                return Outcome(Heard.FAILED, str(error))
            copies = copies_of(bench, order.target)
            if not copies:
                said = f"{order.target.name} has no copy in {bench.plan.into.name} that came back."
                return Outcome(Heard.FAILED, said)
            there = {op.replica_id for op in self.orders(order)}
            for row in copies:
                if row.pk not in there:
                    self._order(row, order, more)
        return None

    def _order(self, row: Replica, order: Order, more: Mapping[str, object]) -> None:
        bench = self.bench
        order_act(
            verb=self.verb,
            replica=row,
            epoch=row.database.epoch,
            urgency=row.database.priority,
            plan={"run": str(bench.run.pk), "step": order.step, "act": order.key, **more},
            actor=bench.actor,
            reason=f"{bench.run}, {order.step}: {self.why}",
            now=bench.now,
        )

    def orders(self, order: Order) -> list[Operation]:
        """By the number of the copy."""
        rows = Operation.objects.filter(verb=self.verb, params__plan__act=order.key)
        wanted = rows.select_related("replica__database", "replica__host", "host")
        return list(wanted.order_by("replica__number"))


def heard_of(orders: Sequence[Operation], *, failed: str = "") -> Outcome:
    """`DONE` without a word once every agent said so; `failed`: what is added where one did not."""
    if not orders:
        return Outcome(Heard.NEVER)
    bad = [op for op in orders if op.state not in UNFINISHED | {OperationState.DONE}]
    if bad:
        said = f"{bad[0].replica} on {bad[0].host}: {bad[0].detail} {failed}"
        return Outcome(Heard.FAILED, said.strip())
    waiting = [op for op in orders if op.state != OperationState.DONE]
    if waiting:
        names = ", ".join(f"{op.replica} on {op.host}" for op in waiting)
        return Outcome(Heard.UNDER_WAY, f"Waits for the agents of {names}.")
    return Outcome(Heard.DONE)
