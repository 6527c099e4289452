"""Rounds on a lab that a story uses afterwards: what they leave behind is cleared by a person."""

from __future__ import annotations

import httpx

from tests.chaos_drp import book, checks
from tests.chaos_drp.ground import settle
from tests.chaos_drp.people import People
from tests.chaos_drp.plan import plan_round
from tests.chaos_drp.rounds import Result, play
from tests.support.stack import Stack

SEED = 5
ROUNDS = (1, 2, 3)
"""Between them they strike everything, as `test_plan` says."""
STANDING = "SELECT id FROM detection_freeze WHERE state = 'standing'"


def rounds_before(stack: Stack) -> list[Result]:
    """Three, one after another, as far as nothing is wrong; then the log is looked at once."""
    ground, results = settle(stack, book.raw()), []
    for number in ROUNDS:
        results.append(play(People(ground), SEED, plan_round(SEED, number)))
        if not results[-1].ok:
            return results
    results[-1].faults += checks.sealed(ground)
    headers = {"Authorization": f"Bearer {stack.manage('token', 'approver')}"}
    for (freeze,) in stack.rows(STANDING):
        path, why = f"/api/held/freezes/{freeze}/lift", {"reason": "It was a rehearsal."}
        said = httpx.post(stack.door + path, json=why, headers=headers, verify=stack.trust)
        said.raise_for_status()
    return results
