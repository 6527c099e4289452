"""In the middle of what each process died: the steps that were asking or begun just then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from tests.chaos.plan import Strike
from tests.support.stack import Stack

MOVES = """
SELECT s.name, e.body->>'action', e.recorded_at FROM audit_entry e
JOIN drp_runstep s ON s.id::text = e.object_id JOIN drp_run r ON r.id = s.run_id
WHERE r.number = %s AND e.object_type = 'drp step' ORDER BY e.id
"""
UNDER_WAY = {"asking", "begun"}


def moments(stack: Stack, number: int, began: datetime, strikes: Iterable[Strike]) -> list[str]:
    """One line a strike, in their order."""
    moves = stack.rows(MOVES, number) if number else []
    return [f"{one}: {_during(moves, began + timedelta(seconds=one.moment))}" for one in strikes]


def _during(moves: list[tuple[str, str, datetime]], at: datetime) -> str:
    states = {name: state for name, state, moved_at in moves if moved_at <= at}
    open_ = [f"{name} {state}" for name, state in states.items() if state in UNDER_WAY]
    if open_:
        return ", ".join(open_)
    return "before the run" if not states else "between steps or after the run"
