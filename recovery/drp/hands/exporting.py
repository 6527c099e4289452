"""export_copies: what the copies that came back hold beyond their primary goes into a store.

Invariants: nothing of a copy changes by it; each copy's own agent says where it lies, and what it
said stands in a row before the act is done.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from recovery.backups.actions import note_export
from recovery.backups.exports import EXPORTED_FOR
from recovery.core.errors import Conflict, Refused
from recovery.core.wire.backups import ExportResult
from recovery.drp.actions.effects import beginning
from recovery.drp.hands.bench import Bench
from recovery.drp.hands.copies import Copies, heard_of
from recovery.drp.sights import Heard, Order, Outcome
from recovery.operations.facts import Verb
from recovery.operations.models import Operation

STAYS = "The copy stays as it is."


@dataclass(slots=True)
class Exporting:
    """What each copy holds is written by its own agent into a store that people approved."""

    bench: Bench

    @property
    def _copies(self) -> Copies:
        why = "what it holds beyond its primary is exported."
        return Copies(self.bench, Verb.EXPORT, why)

    def act(self, order: Order) -> Outcome:
        failed = self._copies.order_each(order, stores=list(self._stores(order)))
        return failed or self.look(order)

    def look(self, order: Order) -> Outcome:
        orders = self._copies.orders(order)
        outcome = heard_of(orders, failed=STAYS)
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

    def _stores(self, order: Order) -> tuple[str, ...]:
        """Which people approved; none: plans of before did not say."""
        assert order.target is not None, "an act has a target"
        move = self.bench.plan.move(order.target)
        return move.stores if move else ()

    def _note(self, op: Operation, order: Order) -> str:
        told, stores = _told(op), self._stores(order)
        if stores and told.store not in stores:
            raise Refused(
                f"{op.replica} on {op.host}: it says that it is in {told.store}, into which nobody"
                " approved it."
            )
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
