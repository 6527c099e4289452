"""A fenced datacenter: nothing starts there, no lease is renewed, and what is proven is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.audit.facts import Actor
from recovery.drp.hands import fencing
from recovery.drp.hands.closing import Standing
from recovery.drp.hands.fencing import Looked
from recovery.drp.looking import look
from recovery.drp.queries.world import world
from recovery.drp.runbooks.kinds import Condition
from recovery.failover.actions.fences import lift_fence
from recovery.failover.models import Fence, Lease
from recovery.failover.queries import fenced_sites
from recovery.operations.models import Operation
from tests.actions.drp.losing import Loss, make_loss
from tests.actions.drp.test_promoting import approve, start

pytestmark = pytest.mark.django_db


@pytest.fixture
def loss(pinned: Path) -> Loss:
    return make_loss(pinned)


def fenced_share() -> int:
    return look(Condition.DATACENTER_IS_FENCED, world("PAR1", "OSU2")).share


def test_a_silent_pair_is_told_as_unproven_and_the_run_goes_on(loss: Loss) -> None:
    """Whoever is cut off together may go on together; nobody said that the site is gone."""
    loss.kill_site()
    start(loss)
    approve(loss, "fence")
    loss.run(1.0)
    assert "its lease ends in" in Fence.objects.get().told
    assert loss.ground.step("fence").state == "begun"
    loss.until(lambda: bool(loss.ground.step("fence").state == "done"))
    said = loss.ground.step("fence").said
    assert "Nothing starts on the 2 hosts of PAR1. 0 of 1 databases are proven" in said
    assert "Not proven: orders on par1-r1-h1: its lease has ended, but" in said
    assert "on par1-r2-h1, unheard, may have prolonged it unseen" in said
    assert fenced_share() == 0


def test_a_living_datacenter_is_closed_by_its_own_agents_receipts_or_its_leases(
    loss: Loss,
) -> None:
    """No lease there is renewed any more; whatever answers is asked to close its gate."""
    start(loss)
    loss.play.failing = fenced_sites
    approve(loss, "fence")
    loss.until(Fence.objects.exists)
    loss.run(1.0)
    sequence = Lease.objects.get().sequence
    loss.until(lambda: bool(loss.ground.step("fence").state == "done"))
    assert Lease.objects.get().sequence == sequence, "it was renewed behind the fence"
    said = loss.ground.step("fence").said
    assert "1 of 1 databases are proven not to be written to there." in said
    assert fenced_share() == 100
    Lease.objects.update(sequence=sequence + 1)
    assert fenced_share() == 0, "the number that was proven is another now"


def test_a_look_that_is_under_way_orders_nothing_once_the_fence_is_lifted(
    loss: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between what it saw and what it orders somebody lifts it: no gate is closed after that."""
    start(loss)
    loss.play.failing = fenced_sites
    approve(loss, "fence")
    real = fencing.say

    def lifted(looked: list[Looked], row: Fence) -> str:
        if any(one.standing is Standing.ASK for one in looked):
            who = Actor("person", "chloe")
            lift_fence(datacenter="PAR1", actor=who, reason="A mistake.", now=loss.play.now)
        return real(looked, row)

    monkeypatch.setattr(fencing, "say", lifted)
    loss.until(lambda: bool(loss.ground.step("fence").state == "failed"))
    assert "chloe lifted the fence: A mistake." in loss.ground.step("fence").said
    assert not Operation.objects.filter(verb="fence").exists()
