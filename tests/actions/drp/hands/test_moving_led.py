"""A planned move under the leader as it is, with all that it decides beside the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.core.clock import ManualClock
from recovery.detection.actions import set_pause
from recovery.drp.facts import Mode, RunState
from recovery.drp.press import Press
from recovery.inventory.facts import Replace, Verdict
from recovery.inventory.models import Container, Placement
from recovery.scheduling.cycle import reschedule
from tests.actions.drp.hands.ground import Product, people
from tests.actions.drp.hands.test_moving import answering, obey
from tests.actions.drp.hands.test_placing import TAIL, lose
from tests.controller.test_judge import judge, play
from tests.dashboard.fleet import plain
from tests.support.fleet import BY, NOW, Fleet, make_fleet, seat


@pytest.fixture
def fleet(db: None) -> Fleet:
    """Two copies in PAR1; nothing is lost."""
    fleet = make_fleet()
    slots = {row.ordinal: row for row in Container.objects.filter(application=fleet.application)}
    seat(slots[1], fleet.hosts["par1-r1-h1"])
    seat(slots[2], fleet.hosts["par1-r2-h1"])
    return fleet


def begun(pinned: Path) -> Product:
    """A planned run that has asked for its first seat."""
    product = Product(people(pinned), pinned, tail=TAIL, head="evacuation")
    set_pause(actor=BY, reason="A run froze it.", now=NOW)
    product.paused = "A run froze it."
    product.prepare(Mode.PLANNED)
    product.press(Press.START)
    while not Placement.objects.filter(provisional=True).exists():
        assert product.mono < 10.0
        product.carry()
    return product


def place_says(product: Product) -> str:
    """On the run's page, under the step."""
    page = plain(draw(f"run-steps:{product.run.number}", Screen(Role.RESPONDER)))
    assert "Not yet: " in page, page
    return page.split("Not yet: ")[1]


def test_rescheduling_takes_nothing_back_of_what_the_leader_s_own_run_moves(
    fleet: Fleet, pinned: Path
) -> None:
    """It decides on in a freeze: the copy that is left still answers, on a host that nobody
    drains."""
    product = begun(pinned)
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


def test_the_page_says_what_a_move_waits_for_and_that_it_began_anew(
    fleet: Fleet, pinned: Path
) -> None:
    product = begun(pinned)
    said = place_says(product)
    assert said.startswith(
        "shop: 0 of 2 copies are in OSU2. shop-1 is on its way. The start on osu2-"
    )
    assert "waits for its agent to take it." in said
    reschedule(actor=product.actor, now=product.now)  # as if nobody had kept it
    assert place_says(product).startswith(
        "shop: 0 of 2 copies are in OSU2. It is the turn of shop-1."
    )
    product.carry()
    obey()  # what was given up is stopped
    assert "shop-1: seats given up before: 1 of at most 5; the last," in place_says(product)


def test_the_page_says_what_the_copies_of_a_lost_datacenter_wait_for(
    fleet: Fleet, pinned: Path
) -> None:
    product = Product(people(pinned), pinned, tail=TAIL)
    lose("par1-r1-h1")
    lose("par1-r2-h1", Verdict.SUSPECT, Replace.NONE)
    product.begin()
    for _ in range(5):
        product.carry()
    said = place_says(product)
    assert said.startswith("shop: par1-r2-h1 is suspect: nobody knows that it does not run there.")
    lose("par1-r2-h1")
    product.carry()
    assert place_says(product).startswith("shop: 0 of 2 copies run; being started: shop-1 on ")
