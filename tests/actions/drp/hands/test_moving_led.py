"""A planned move under the leader as it is, with all that it decides beside the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.core.clock import ManualClock
from recovery.detection.actions import set_pause
from recovery.drp.facts import Mode, RunState
from recovery.drp.press import Press
from recovery.inventory.models import Container, Placement
from tests.actions.drp.hands.ground import Product, people
from tests.actions.drp.hands.test_moving import answering, obey
from tests.actions.drp.hands.test_placing import TAIL
from tests.controller.test_judge import judge, play
from tests.support.fleet import BY, NOW, Fleet, make_fleet, seat


@pytest.fixture
def fleet(db: None) -> Fleet:
    """Two copies in PAR1; nothing is lost."""
    fleet = make_fleet()
    slots = {row.ordinal: row for row in Container.objects.filter(application=fleet.application)}
    seat(slots[1], fleet.hosts["par1-r1-h1"])
    seat(slots[2], fleet.hosts["par1-r2-h1"])
    return fleet


def test_rescheduling_takes_nothing_back_of_what_the_leader_s_own_run_moves(
    fleet: Fleet, pinned: Path
) -> None:
    """It decides on in a freeze: the copy that is left still answers, on a host that nobody
    drains."""
    product = Product(people(pinned), pinned, tail=TAIL, head="evacuation")
    set_pause(actor=BY, reason="A run froze it.", now=NOW)
    product.paused = "A run froze it."
    product.prepare(Mode.PLANNED)
    product.press(Press.START)
    product.carry()
    clock = ManualClock(product.now)
    leader = judge("next", clock)
    for _ in range(20):
        play(leader, fleet, clock, 1.2)
        obey()
        assert answering() == 2
        if product.run.state != RunState.RUNNING:
            break
    assert product.run.state == RunState.DONE, product.run.state_reason
    active = Placement.objects.exclude(state__in=["stopped", "lost"])
    assert {row.host.name[:4] for row in active} == {"osu2"}
    assert Placement.objects.count() == 4, "each was placed once"
