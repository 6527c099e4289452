"""The orders of a restore as facts: the newest of each kind, what runs, how long nothing does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from recovery.inventory.facts import Verdict
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores.facts import Left, OrderSight, Phase
from recovery.restores.models import Restore, RestoreSight
from recovery.restores.motion import Course
from recovery.restores.stuck import DIED, Tries

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


def tries(orders: Iterable[Operation], verb: Verb, course: Course | None = None) -> Tries:
    """How often it was begun, and how the last one that ended without it did. `course`: of what its
    agent said."""
    mine = [op for op in orders if op.verb == verb]
    again, broke_at = (course.begun, course.broke_at) if course else (0, None)
    number, gone = len(mine) + again, [op for op in mine if op.state in FRUITLESS]
    ended_at = gone[-1].ended_at if gone else None
    if broke_at is not None and (ended_at is None or ended_at <= broke_at):
        return Tries(number, DIED, broke_at)
    if not gone:
        return Tries(number)
    words = gone[-1].detail.rstrip(". ") or "its outcome is not known"
    return Tries(number, words, ended_at, is_over=gone[-1] is mine[-1])


def sight_of(row: Restore) -> RestoreSight | None:
    """What its agent said of it; None: nothing yet."""
    return getattr(row, "sight", None)


def begun(row: Restore) -> int:
    """How often its agent began it from anew, beside its orders."""
    sight = sight_of(row) if row.phase == Phase.RESTORE else None
    return sight.begun if sight else 0


def quiet(orders: list[Operation], now: datetime) -> float:
    if not orders:
        return 0.0
    last = orders[-1]
    since = last.ended_at or last.handed_at or last.requested_at
    return (now - since).total_seconds()
