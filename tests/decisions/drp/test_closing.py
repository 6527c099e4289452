"""What of a fenced datacenter is proven, what is waited for, and what nobody can prove."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from recovery.drp.hands.closing import Held, Standing, judge
from recovery.failover.proofs.prolonging import Promiser, prolonging
from recovery.operations.facts import OperationState

SILENT = Promiser("b", "orders-2 on par1-b1", is_heard=False)
GONE = replace(SILENT, is_gone=True)
OPEN = replace(SILENT, is_heard=True)
CLOSED = replace(OPEN, is_closed=True)
KEPT = replace(CLOSED, left=4.0)


@pytest.mark.parametrize(
    ("held", "standing", "said"),
    [
        ({"left": 4.2}, Standing.WAITS, "its lease ends in 4 s."),
        ({"left": 4.2, "is_heard": True}, Standing.WAITS, "its lease ends in 4 s."),
        ({"left": 0.0}, Standing.PROVEN, "its lease has ended."),
        ({"left": 0.0, "more": GONE}, Standing.PROVEN, "its lease has ended."),
        ({"left": 0.0, "more": CLOSED}, Standing.PROVEN, "its lease has ended."),
        (
            {"left": 0.0, "more": SILENT},
            Standing.UNPROVEN,
            "orders-2 on par1-b1, unheard, may have prolonged it",
        ),
        ({"left": 0.0, "more": SILENT, "is_heard": True}, Standing.ASK, "ordered to close"),
        ({"left": 0.0, "more": OPEN}, Standing.TELL, "may promise it more, and is told not to."),
        ({"left": 0.0, "more": OPEN, "is_told": True}, Standing.WAITS, "is told not to."),
        ({"left": 0.0, "more": KEPT}, Standing.WAITS, "orders-2 on par1-b1 promised it 4 s more."),
        ({"left": 1.0, "more": OPEN}, Standing.WAITS, "its lease ends in 1 s."),
        ({}, Standing.UNPROVEN, "it lives by no lease that could end, and nobody there answered."),
        ({"more": GONE}, Standing.UNPROVEN, "it lives by no lease"),
        ({"is_heard": True}, Standing.ASK, "its agent is ordered to close the gate"),
        ({"is_heard": True, "receipt": "handed"}, Standing.WAITS, "is to close the gate."),
        ({"is_heard": True, "receipt": "done"}, Standing.PROVEN, "and signed for it."),
        ({"receipt": "done"}, Standing.PROVEN, "and signed for it."),
        ({"is_heard": True, "receipt": "failed", "detail": "No."}, Standing.WAITS, "closed: No."),
        ({"is_heard": True, "receipt": "unknown", "quiet": 6.0}, Standing.ASK, "is ordered"),
        ({"receipt": "unknown", "quiet": 6.0}, Standing.UNPROVEN, "nobody there answered"),
        ({"proof": "Two people."}, Standing.PROVEN, "Two people."),
        ({"proof": "Its lease.", "left": 0.0, "more": OPEN}, Standing.TELL, "is told not to."),
        ({"proof": "Its lease.", "left": 0.0, "more": SILENT}, Standing.UNPROVEN, "unheard"),
        ({"proof": "Its lease.", "left": 0.0, "more": CLOSED}, Standing.PROVEN, "Its lease."),
        ({"proof": "Its gate.", "is_gate": True, "more": OPEN}, Standing.PROVEN, "Its gate."),
    ],
)
def test_each_database_is_told_by_what_it_rests_on(
    held: dict[str, Any], standing: Standing, said: str
) -> None:
    if "more" in held:
        held = held | {"more": prolonging([held["more"]])}
    if "receipt" in held:
        held = held | {"receipt": OperationState(held["receipt"])}
    found, sentence = judge(Held("orders", "par1-a1", **({"is_heard": False} | held)))
    assert found is standing, sentence
    assert sentence.startswith("orders on par1-a1: ")
    assert said in sentence
