"""export_copies: what the copies that came back hold beyond their primary goes into a store.

Invariants: nothing of a copy changes by it; each copy's own agent says where it lies, and what it
said stands in a row before the act is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from recovery.backups.actions import note_export
from recovery.backups.exports import EXPORTED_FOR
from recovery.core.errors import Conflict, Refused
from recovery.core.wire.backups import ExportResult
from recovery.drp.actions.effects import beginning
from recovery.drp.hands.bench import Bench
from recovery.drp.hands.returning import copies_of
from recovery.drp.sights import Heard, Order, Outcome
from recovery.failover.actions.orders import order as order_act
from recovery.inventory.models import Replica
from recovery.operations.facts import UNFINISHED, OperationState, Verb
from recovery.operations.models import Operation


@dataclass(slots=True)
class Exporting:
    """Its journal: the operations that name its act."""

    bench: Bench

    def act(self, order: Order) -> Outcome:
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
            there = {op.replica_id for op in _orders(order)}
            for row in copies:
                if row.pk not in there:
                    self._order(row, order)
        return self.look(order)

    def _order(self, row: Replica, order: Order) -> None:
        bench = self.bench
        order_act(
            verb=Verb.EXPORT,
            replica=row,
            epoch=row.database.epoch,
            urgency=row.database.priority,
            plan={"run": str(bench.run.pk), "step": order.step, "act": order.key},
            actor=bench.actor,
            reason=f"{bench.run}, {order.step}: what it holds beyond its primary is exported.",
            now=bench.now,
        )

    def look(self, order: Order) -> Outcome:
        orders = _orders(order)
        outcome = _heard(orders)
        if outcome.heard is not Heard.DONE:
            return outcome
        try:
            with beginning(order, self.bench.actor):
                told = [self._note(op, order) for op in orders]
        except Refused as error:
            return Outcome(Heard.FAILED, str(error))
        except Conflict:  # somebody said how it ended, and the rows are theirs
            told = [_said(op, _told(op)) for op in orders]
        return Outcome(Heard.DONE, f"{len(orders)} exported. {' '.join(told)}")

    def _note(self, op: Operation, order: Order) -> str:
        told = _told(op)
        assert op.replica is not None, "it is about a replica"
        note_export(
            operation=op.pk,
            act=order.key,
            replica=op.replica,
            told=told,
            made_at=op.ended_at or op.requested_at,
            actor=self.bench.actor,
            reason=f"{self.bench.run}, {order.step}: its agent wrote it.",
            now=self.bench.now,
        )
        return _said(op, told)


def _orders(order: Order) -> list[Operation]:
    rows = Operation.objects.filter(verb=Verb.EXPORT, params__plan__act=order.key)
    wanted = rows.select_related("replica__database", "replica__host", "host")
    return list(wanted.order_by("replica__number"))


def _heard(orders: Sequence[Operation]) -> Outcome:
    if not orders:
        return Outcome(Heard.NEVER)
    bad = [op for op in orders if op.state not in UNFINISHED | {OperationState.DONE}]
    if bad:
        said = f"{bad[0].replica} on {bad[0].host}: {bad[0].detail} The copy stays as it is."
        return Outcome(Heard.FAILED, said)
    waiting = [op for op in orders if op.state != OperationState.DONE]
    if waiting:
        names = ", ".join(f"{op.replica} on {op.host}" for op in waiting)
        return Outcome(Heard.UNDER_WAY, f"Waits for the agents of {names}.")
    return Outcome(Heard.DONE)


def _told(op: Operation) -> ExportResult:
    """What its agent says."""
    try:
        return msgspec.json.decode(op.detail, type=ExportResult)
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        said = f"{op.replica} on {op.host}: its agent did not tell where it lies."
        raise Refused(said) from error


def _said(op: Operation, told: ExportResult) -> str:
    until = (op.ended_at or op.requested_at) + EXPORTED_FOR
    return (
        f"{op.replica} on {op.host}: {told.bytes / 1e6:.1f} MB in {told.store}, until"
        f" {until:%Y-%m-%d}. {told.said}"
    )
