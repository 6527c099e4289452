"""What a run never takes for granted, whatever its rows say."""

from __future__ import annotations

from dataclasses import replace

from recovery.drp.decide import is_satisfied, need_of
from recovery.drp.facts import ActState, Kind, Mode, StepState
from recovery.drp.sights import ActSight, Do, StepSight
from recovery.drp.waves import looks_at
from tests.decisions.drp.steps import step
from tests.decisions.drp.test_engine import does, running


def test_an_act_on_what_is_no_target_of_its_step_is_a_persons_to_look_at() -> None:
    act = ActSight("k", "database:other", 1, 1, ActState.INTENDED)
    told = list(looks_at(StepSight(step(), StepState.BEGUN, acts=(act,))))
    assert [(order.do, order.key) for order in told] == [(Do.LOSE_SIGHT, "k")]
    lost = replace(act, state=ActState.UNKNOWN)
    assert not list(looks_at(StepSight(step(), StepState.BEGUN, acts=(lost,))))


def test_a_guard_that_was_skipped_past_us_lets_nothing_follow() -> None:
    guard = step(Kind.FENCE_DATACENTER)
    assert not is_satisfied(StepSight(guard, StepState.SKIPPED))
    book = running(guard)
    book.change("one", state=StepState.SKIPPED)
    assert does(book) == ["pause one"]


def test_what_cannot_be_taken_back_asks_somebody_whatever_the_plan_says() -> None:
    final = step(undo=None, point_of_no_return="There is no way back.")
    assert final.approval is None
    assert need_of(final, Mode.PLANNED) is not None
    assert need_of(final, Mode.SIMULATION) is None
    assert does(running(final)) == ["ask one"]
