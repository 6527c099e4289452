"""A fenced datacenter: nothing starts there, no lease is renewed, and what is proven is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recovery.audit.facts import Actor
from recovery.core import control, transitions
from recovery.drp.facts import ActState
from recovery.drp.hands import fencing
from recovery.drp.hands.closing import Standing
from recovery.drp.hands.fencing import Looked, closing_of
from recovery.drp.looking import look
from recovery.drp.queries.held import known_of
from recovery.drp.queries.world import world
from recovery.drp.runbooks.kinds import Condition
from recovery.failover.actions.failovers import begin_failover, revoke_primary
from recovery.failover.actions.fences import lift_fence
from recovery.failover.facts import Around, Proof, ProofKind
from recovery.failover.models import Fence, Lease
from recovery.failover.phases import FailoverKind
from recovery.failover.queries import fenced_sites
from recovery.operations.models import Operation
from tests.actions.drp.killing import begin
from tests.actions.drp.losing import Loss, make_loss
from tests.actions.drp.test_promoting import STEPS, approve, start
from tests.dashboard.drp.conftest import text
from tests.dashboard.drp.test_machines import post
from tests.support.fleet import BY

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


def revoked(loss: Loss, proof: Proof | None = None) -> None:
    """A failover of it has revoked its lease and raised the epoch."""
    play = loss.play
    with control.deciding(play.epoch):
        row = begin_failover(
            database=play.database, kind=FailoverKind.FAILOVER, source=play.pair.primary,
            incident=None, happened_at=play.now, actor=play.actor, reason="test", now=play.now,
        )  # fmt: skip
        revoke_primary(
            failover=row, proof=proof, seen=None, actor=play.actor, reason="test", now=play.now
        )


def fenced(loss: Loss) -> None:
    """Its agent is asked to close the gate, and cannot say whether it did."""
    loss.ground.now = loss.play.now
    begin(loss.ground, STEPS.split("  - id: promote")[0])
    loss.lead()
    loss.play.failing = fenced_sites
    loss.play.around = Around(paused="A plan froze it.")
    loss.play.loses["fence"] = "It is frozen."
    approve(loss, "fence")
    loss.until(Fence.objects.exists)


def test_over_a_failover_that_has_raised_the_epoch_its_agent_is_ordered_in_the_new_one(
    loss: Loss,
) -> None:
    """What goes out at the epoch before is refused by an agent that has heard of the new one; and
    whoever looks for the answer elsewhere orders anew in each round."""
    primary = loss.play.pair.primary
    fenced(loss)
    loss.play.servers[primary.pk].server = "down"
    revoked(loss, Proof(ProofKind.LEASE_ENDED, str(primary.pk), 1, "It ended.", sequence=4))
    ordered = Operation.objects.filter(verb="fence")
    loss.until(ordered.exists)
    loss.run(9.0)
    assert set(ordered.values_list("database_epoch", flat=True)) == {2}
    assert 1 <= ordered.count() <= 3
    assert loss.ground.step("fence").state == "begun"
    loss.play.loses.clear()
    loss.until(lambda: bool(loss.ground.step("fence").state == "done"))
    assert "1 of 1 databases are proven" in loss.ground.step("fence").said
    (proof,) = Fence.objects.get().proofs
    assert proof["epoch"] == 1, "in which its primary led"


def test_over_a_failover_that_waits_for_the_end_of_a_lease_that_end_is_waited_for(
    loss: Loss,
) -> None:
    fenced(loss)
    revoked(loss)
    loss.play.kill(loss.play.pair.primary)
    loss.run(1.0)
    assert "its lease ends in" in Fence.objects.get().told
    assert loss.ground.step("fence").state == "begun"


def test_a_receipt_of_the_epoch_in_which_it_led_stays_true_after_the_next_began(
    loss: Loss,
) -> None:
    start(loss)
    loss.play.failing = fenced_sites
    loss.play.around = Around(paused="A plan froze it.")
    closed = Operation.objects.filter(verb="fence", database_epoch=1, state="done")
    approve(loss, "fence")
    loss.until(closed.exists)
    revoked(loss)
    loss.run(1.0)
    found = closing_of(loss.play.pair.primary, 1, 2, known_of(Fence.objects.get()))
    assert found == closed.get()


def test_a_fence_that_a_person_called_done_says_what_it_proved_beside_their_word(
    loss: Loss,
) -> None:
    """Its time is over while nobody knows whether it holds; a word is no proof, and is shown so."""
    loss.kill_site()
    start(loss)
    approve(loss, "fence")
    loss.until(Fence.objects.exists)
    loss.run(1.0)
    told = Fence.objects.get().told
    assert "its lease ends in" in told
    act = loss.ground.step("fence").acts.get()
    transitions.move(act, ActState.UNKNOWN, actor=BY, reason="Its time is over.", now=loss.play.now)
    client = Client()
    client.force_login(User.objects.get(username="bruno"))
    number = loss.ground.run.number
    word = {"reason": "The power is cut.", "step": "fence", "key": act.key, "was_done": True}
    assert post(client, f"runs/{number}/tell", **word).status_code == 200
    loss.until(lambda: bool(loss.ground.step("fence").state == "done"))
    told = Fence.objects.get().told
    steps = client.get(f"/api/drp/runs/{number}").json()["steps"]
    said = next(one for one in steps if one["id"] == "fence")["said"]
    assert said == f"bruno: The power is cut. {told}"
    page = text(client.get(f"/recovery/runs/{number}/"))
    assert told in page
    assert "done, not proven" in page
