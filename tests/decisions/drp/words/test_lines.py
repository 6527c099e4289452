"""What the steps of one plan do, in words: of a drill, what a drill does."""

from __future__ import annotations

import pytest

from recovery.drp.facts import Kind, Mode
from recovery.drp.hands import DRILL_MAKERS
from recovery.drp.hands.drilling import Would
from recovery.drp.views.lines import IN_DRILLS, named_lines, takes_over
from tests.decisions.drp.books import book
from tests.decisions.drp.worlds import drill, inventory, plan


def test_datacenters_are_named() -> None:
    lines = {line.id: line for line in named_lines(book(), plan())}
    assert lines["fence"].does == "Fences PAR1, by leases ended."
    assert lines["promote-business"].is_brink


def test_a_drill_says_of_each_step_that_production_is_untouched() -> None:
    lines = {line.id: line for line in named_lines(book(), drill())}
    assert lines["fence"].does == (
        "Drill: said and not done; production is untouched. In a real run: Fences PAR1, by leases"
        " ended."
    )
    assert "no standby is promoted; a copy is restored" in lines["promote-business"].does
    assert "on hosts for drills alone" in lines["restore-starter"].does
    assert all(line.does.startswith("Drill") for line in lines.values())
    assert not any(line.is_brink for line in lines.values()), "all of it is removed"
    assert "Nothing of production is touched" in lines["promote-business"].back


@pytest.mark.parametrize("kind", DRILL_MAKERS)
def test_what_is_said_of_a_kind_is_what_its_hand_does(kind: Kind) -> None:
    assert (DRILL_MAKERS[kind] is Would) == (kind not in IN_DRILLS)


def test_no_other_mode_is_told_as_a_drill() -> None:
    for mode in set(Mode) - {Mode.DRILL, Mode.PLANNED}:
        assert not any("Drill" in line.does for line in named_lines(book(), plan(mode=mode)))


def test_what_was_lost_goes_wherever_there_is_room_and_what_lives_into_one_datacenter() -> None:
    lost = " ".join(line.does for line in named_lines(book(), plan()))
    assert "of PAR1 in OSU2, or wherever else the scheduler finds room, 50" in lost
    back = named_lines(book("return"), plan("return", Mode.PLANNED))
    placed = next(line.does for line in back if "Starts" in line.does)
    assert placed.startswith("Starts the applications")
    assert " in OSU2, 20 at a time" in placed


def test_a_head_says_of_what_was_lost_what_its_steps_say() -> None:
    where = "in OSU2, or wherever else the scheduler finds room"
    assert takes_over(plan()) == f"PAR1 is left, OSU2 takes over; applications start {where}."
    assert where in " ".join(line.does for line in named_lines(book(), plan()))
    assert takes_over(plan("return", Mode.PLANNED)) == "PAR1 is left, OSU2 takes over."
    assert takes_over(drill()) == "PAR1 is taken as lost and stays as it is."
    none = plan(there=inventory(applications=()))
    assert takes_over(none) == "PAR1 is left, OSU2 takes over.", "it starts nothing"
