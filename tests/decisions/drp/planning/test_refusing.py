"""A plan that nobody could carry out is not prepared, and says why."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from recovery.drp.facts import Mode
from recovery.drp.plan import Plan
from recovery.drp.planning.refusing import refuse_plan
from tests.decisions.drp.books import NAMES
from tests.decisions.drp.worlds import database, drill, inventory, plan


def but(found: Plan, id: str, **changes: Any) -> Plan:
    """The same with another step of this id."""
    steps = tuple(
        msgspec.structs.replace(step, **changes) if step.id == id else step for step in found.steps
    )
    return msgspec.structs.replace(found, steps=steps)


@pytest.mark.parametrize("name", NAMES)
def test_each_shipped_runbook_can_be_drilled_whatever_there_is(name: str) -> None:
    assert refuse_plan(drill(name)) == ""
    few = inventory(realm="drill", databases=(database("notes", "starter"),))
    assert refuse_plan(plan(name, Mode.DRILL, few)) == ""


def test_hosts_of_a_drill_start_nothing_that_nobody_signed_before() -> None:
    there = drill("evacuation")
    first, free = there.step("agree"), {"point_of_no_return": None, "undo": "It is left."}
    assert first.wants_passkey
    coded = but(but(there, "agree", **free), "switch-business", waves=())
    said = refuse_plan(coded)
    assert "Nobody signs this plan before “Move the applications of two and more" in said
    by = there.step("switch-business").approval
    asked = but(but(coded, "place-level-two", approval=by), "place-level-one", approval=by)
    assert refuse_plan(asked) == "", "their own signatures come along"
    real = msgspec.structs.replace(coded, mode=Mode.PLANNED)
    assert refuse_plan(real) == "", "in production it is scheduling’s own to start"
