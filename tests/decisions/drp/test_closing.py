"""What of a fenced datacenter is proven, what is waited for, and what nobody can prove."""

from __future__ import annotations

from typing import Any

import pytest

from recovery.drp.hands.closing import Held, Standing, judge
from recovery.operations.facts import OperationState

MATE = ("orders-2 on par1-b1",)


@pytest.mark.parametrize(
    ("held", "standing", "said"),
    [
        ({"left": 4.2}, Standing.WAITS, "its lease ends in 4 s."),
        ({"left": 4.2, "is_heard": True}, Standing.WAITS, "its lease ends in 4 s."),
        ({"left": 0.0}, Standing.PROVEN, "its lease has ended."),
        ({"left": 0.0, "silent": MATE, "is_gone": True}, Standing.PROVEN, "its lease has ended."),
        (
            {"left": 0.0, "silent": MATE},
            Standing.UNPROVEN,
            "orders-2 on par1-b1, unheard, may have prolonged it",
        ),
        ({"left": 0.0, "silent": MATE, "is_heard": True}, Standing.ASK, "ordered to close"),
        ({}, Standing.UNPROVEN, "it lives by no lease that could end, and nobody there answers."),
        ({"is_gone": True}, Standing.UNPROVEN, "it lives by no lease"),
        ({"is_heard": True}, Standing.ASK, "its agent is ordered to close the gate"),
        ({"is_heard": True, "receipt": "handed"}, Standing.WAITS, "is to close the gate."),
        ({"is_heard": True, "receipt": "done"}, Standing.PROVEN, "and signed for it."),
        ({"receipt": "done"}, Standing.PROVEN, "and signed for it."),
        ({"is_heard": True, "receipt": "failed", "detail": "No."}, Standing.WAITS, "closed: No."),
        ({"is_heard": True, "receipt": "unknown", "quiet": 6.0}, Standing.ASK, "is ordered"),
        ({"receipt": "unknown", "quiet": 6.0}, Standing.UNPROVEN, "nobody there answers"),
        ({"proof": "Two people."}, Standing.PROVEN, "Two people."),
    ],
)
def test_each_database_is_told_by_what_it_rests_on(
    held: dict[str, Any], standing: Standing, said: str
) -> None:
    if "receipt" in held:
        held = held | {"receipt": OperationState(held["receipt"])}
    found, sentence = judge(Held("orders", "par1-a1", **({"is_heard": False} | held)))
    assert found is standing, sentence
    assert sentence.startswith("orders on par1-a1: ")
    assert said in sentence
