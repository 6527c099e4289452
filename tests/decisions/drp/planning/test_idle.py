"""A step that has nothing to do it to asks nobody, is done, and says why and what it leaves."""

from __future__ import annotations

import msgspec

from recovery.drp.decide import need_of, next_orders
from recovery.drp.expecting import expected
from recovery.drp.facts import DANGEROUS, Kind, Mode, RunState, StepState
from recovery.drp.looking import World
from recovery.drp.plan import LeftOut, Need, Plan
from recovery.drp.planning.leaving import NOBODY_IS_OUT
from recovery.drp.sights import Do, RunSight, StepSight
from tests.decisions.drp.steps import plan, step, target


def idle(kind: Kind = Kind.RESTORE_DATABASES, mode: Mode = Mode.DISASTER) -> Plan:
    return plan(step(kind, targets=(), approval=Need("approver", 1)), mode=mode)


def follows(found: Plan, state: StepState = StepState.PENDING) -> tuple[Do, str]:
    sight = RunSight(
        "r", found, "0" * 64, RunState.RUNNING, {"one": StepSight(found.steps[0], state)}
    )
    (order,) = next_orders(sight)
    return order.do, order.reason


def test_it_begins_without_a_yes_and_is_done_at_once_with_its_reason() -> None:
    said = "There is nothing to do it to: another step takes it, or PAR1 has none."
    for kind in (*sorted(DANGEROUS - {Kind.FENCE_DATACENTER}), Kind.PLACE_APPLICATIONS):
        found = idle(Kind(kind))
        assert follows(found)[0] is Do.BEGIN, kind
        word = NOBODY_IS_OUT.get(Kind(kind), said).format(site="OSU2")
        assert follows(found, StepState.BEGUN) == (Do.SETTLE_DONE, word)


def test_whoever_has_targets_or_asks_about_the_plan_itself_is_asked_as_ever() -> None:
    for kind in (Kind.FENCE_DATACENTER, Kind.APPROVAL):
        assert need_of(idle(kind).steps[0], Mode.DISASTER) == Need("approver", 1), kind
        assert follows(idle(kind))[0] is Do.ASK
    busy = step(Kind.RESTORE_DATABASES, approval=Need("approver", 1))
    assert need_of(busy, Mode.DISASTER) == Need("approver", 1)


def test_what_it_was_about_and_does_not_take_is_named_in_its_reason() -> None:
    left = LeftOut("one", target("wiki"), "no copy of it that is left can be restored")
    found = msgspec.structs.replace(idle(), left_out=(left,))
    assert follows(found, StepState.BEGUN)[1] == (
        "There is nothing that it can take. It leaves 1 down: wiki: no copy of it that is left can"
        " be restored."
    )
    planned = msgspec.structs.replace(found, mode=Mode.PLANNED)
    assert "It leaves 1 in PAR1: wiki" in follows(planned, StepState.BEGUN)[1]


def test_a_simulation_does_not_say_that_it_would_ask() -> None:
    world = World("PAR1", "OSU2", (), ())
    assert expected(idle(), world)["one"] == (True, "Nothing to do it to.")
    busy = plan(step(Kind.RESTORE_DATABASES))
    assert expected(busy, world)["one"][1].startswith("Asks 1 of role approver.")
