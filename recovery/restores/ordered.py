"""The orders of a restore as facts: the newest of each kind, what runs, how long nothing does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from recovery.inventory.facts import Verdict
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores.decide import ARCHIVE
from recovery.restores.facts import Left, OrderSight, Phase
from recovery.restores.stuck import Tries

VERBS = {Phase.RESTORE: Verb.RESTORE, Phase.SWITCH: Verb.ADOPT}
FRUITLESS = frozenset({OperationState.FAILED, OperationState.REFUSED, OperationState.UNKNOWN})


def running(orders: Sequence[Operation], phase: Phase) -> list[Operation]:
    """Those of what runs now: its old host is asked before anything is put in place."""
    found = [op for op in orders if op.verb == VERBS.get(phase)]
    is_closing = phase is Phase.SWITCH and not found
    return [op for op in orders if op.verb == Verb.FENCE] if is_closing else found


def left(orders: Iterable[Operation]) -> Left | None:
    hosts = [op.host for op in orders if op.verb == Verb.FENCE]
    return Left(hosts[-1].name, Verdict(hosts[-1].verdict)) if hosts else None


def newest(orders: Iterable[Operation], verb: Verb) -> OrderSight | None:
    found = [op for op in orders if op.verb == verb]
    if not found:
        return None
    return OrderSight(OperationState(found[-1].state), found[-1].detail, found[-1].held_reason)


def tries(orders: Iterable[Operation], verb: Verb) -> Tries:
    """How often it was asked for, and how the last one that ended without it did."""
    mine = [op for op in orders if op.verb == verb]
    gone = [op for op in mine if op.state in FRUITLESS]
    if not gone:
        return Tries(len(mine))
    words = gone[-1].detail.removeprefix(ARCHIVE).rstrip(". ") or "its outcome is not known"
    return Tries(len(mine), words, gone[-1].ended_at)


def quiet(orders: list[Operation], now: datetime) -> float:
    if not orders:
        return 0.0
    last = orders[-1]
    since = last.ended_at or last.handed_at or last.requested_at
    return (now - since).total_seconds()
