"""What nobody can prove of a lost place stands in the plan that is signed, and is told as it is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from recovery.audit.facts import Actor
from recovery.brief.actions import note_word
from recovery.brief.facts import Cause
from recovery.brief.queries import fleet_at
from recovery.core import transitions
from recovery.drp.press import Press
from recovery.drp.queries.approvals import plan_of
from recovery.drp.queries.inventory import inventory
from recovery.failover.actions.fences import lift_fence
from recovery.failover.facts import Around
from recovery.failover.models import Failover, Fence
from recovery.inventory.facts import Durability, Verdict
from recovery.inventory.models import Host
from recovery.operations.models import Operation
from tests.actions.drp.losing import Loss, make_loss
from tests.actions.drp.test_promoting import approve, start

pytestmark = pytest.mark.django_db
PERSON = Actor("person", "chloe")
FROZEN = Around(paused="A plan froze it.")


@pytest.fixture
def loss(pinned: Path) -> Loss:
    return make_loss(pinned)


def say(loss: Loss, cause: Cause, *, ago: float = 0.0) -> None:
    """The provider says so, and somebody writes it in at once."""
    at = loss.play.now - timedelta(seconds=ago)
    note_word(
        datacenter="PAR1", said="Fire.", source="status page", said_at=at, until=None,
        cause=cause, actor=PERSON, now=at,
    )  # fmt: skip


def named(loss: Loss) -> list[str]:
    return [one.said for one in plan_of(loss.ground.run).doubts]


def test_an_unheard_standby_is_on_the_page_that_is_signed(loss: Loss) -> None:
    loss.kill_site()
    start(loss)
    (said,) = named(loss)
    assert said.startswith("orders-2 on par1-r2-h1, unheard, may have prolonged the lease of")
    approve(loss, "fence")
    approve(loss)
    loss.until(lambda: bool(loss.ground.run.state == "done"))
    row = Failover.objects.get()
    assert row.authority["named"] == [str(loss.play.pair.replicas[1].pk)]


def test_who_falls_silent_after_the_page_was_shown_is_a_drift(loss: Loss) -> None:
    start(loss)
    assert named(loss) == []
    loss.play.failing = lambda: frozenset({"PAR1"})
    loss.kill_site()
    loss.until(lambda: bool(loss.ground.run.state == "paused"))
    said = loss.ground.run.state_reason
    assert "unheard, may have prolonged" in said
    assert "That was not on the page when it was approved." in said
    assert not Failover.objects.exclude(act="").exists()


def test_the_word_of_an_earlier_outage_says_nothing_of_this_one(loss: Loss) -> None:
    say(loss, Cause.GONE, ago=3600.0)
    loss.kill_site()
    loss.run(1.0)
    start(loss)
    assert len(named(loss)) == 1
    approve(loss, "fence")
    loss.until(lambda: bool(loss.ground.step("fence").state == "done"))
    assert "Not proven: orders on par1-r1-h1" in loss.ground.step("fence").said


def test_who_is_said_to_be_gone_is_answered_for_by_nobody_until_that_is_withdrawn(
    loss: Loss,
) -> None:
    loss.kill_site()
    loss.run(1.0)
    say(loss, Cause.GONE)
    start(loss)
    assert named(loss) == []
    approve(loss, "fence")
    loss.until(lambda: bool(loss.ground.step("fence").state == "done"))
    assert "1 of 1 databases are proven" in loss.ground.step("fence").said
    loss.until(lambda: bool(loss.ground.step("promote").state == "asking"))
    loss.run(1.0)
    say(loss, Cause.CUT)
    loss.until(lambda: bool(loss.ground.run.state == "paused"))
    said = loss.ground.run.state_reason
    assert "status page says that PAR1 is cut off, not gone." in said


def test_a_word_that_is_withdrawn_while_a_promotion_waits_stands_for_nothing(loss: Loss) -> None:
    loss.kill_site()
    loss.run(1.0)
    say(loss, Cause.GONE)
    loss.play.kill(loss.play.pair.replicas[2])
    start(loss)
    approve(loss, "fence")
    approve(loss)
    mate = str(loss.play.pair.replicas[1].pk)
    loss.until(lambda: Failover.objects.filter(authority__gone=[mate]).exists())
    say(loss, Cause.CUT)
    loss.until(lambda: Failover.objects.filter(authority__gone=[]).exists())


def test_the_word_is_about_hosts_that_were_silent_when_it_was_given(loss: Loss) -> None:
    loss.kill_site()
    loss.run(1.0)
    say(loss, Cause.GONE)
    loss.run(1.0)
    here = {name: pk for pk, name in Host.objects.values_list("pk", "name")}
    both = {here["par1-r1-h1"], here["par1-r2-h1"]}
    assert fleet_at(loss.play.now).gone_hosts("PAR1") == both
    assert fleet_at(loss.play.now).gone_hosts("OSU2") == frozenset()
    row = Host.objects.get(name="par1-r2-h1")
    seen = {"verdict": Verdict.ISOLATED}
    transitions.amend(row, seen, action="judged", actor=PERSON, reason="x", now=loss.play.now)
    assert here["par1-r2-h1"] not in fleet_at(loss.play.now).gone_hosts("PAR1"), "others see it"


def told(key: str) -> list[str]:
    """The standbys that were told by this act to promise nothing further."""
    rows = Operation.objects.filter(verb="ask", params__by=key, params__take_over=True)
    return sorted({str(op.replica) for op in rows})


def given_again(key: str) -> list[str]:
    rows = Operation.objects.filter(verb="ask", params__give_again__contains=[key])
    return sorted({str(op.replica) for op in rows})


def test_a_standby_that_answers_is_told_to_promise_nothing_and_its_promise_is_waited_out(
    loss: Loss,
) -> None:
    """A fence that said "proven" while that promise lived would lie; so would a promotion."""
    start(loss)
    loss.play.around = FROZEN
    mate = loss.play.pair.replicas[1]
    loss.play.kill(loss.play.pair.primary)
    loss.play.servers[mate.pk].promised = 8.0
    approve(loss, "fence")
    loss.until(lambda: Fence.objects.filter(told__contains="promised it 8 s more").exists())
    key = Fence.objects.get().key
    assert told(key) == [str(mate)]
    assert loss.ground.step("fence").state == "begun"
    loss.play.servers[mate.pk].promised = 0.0
    loss.until(lambda: bool(loss.ground.step("fence").state == "done"))
    assert "1 of 1 databases are proven" in loss.ground.step("fence").said
    approve(loss)
    loss.until(lambda: bool(loss.ground.run.state == "done"))
    assert told(Failover.objects.get().act) == [str(mate)], "by its own name, not by the fence's"
    lift_fence(datacenter="PAR1", actor=PERSON, reason="It is back.", now=loss.play.now)
    assert given_again(key) == [str(mate)]
    assert given_again(Failover.objects.get().act) == [], "somebody leads by it"


def test_a_run_that_is_aborted_gives_back_the_promises_that_it_took_over(loss: Loss) -> None:
    start(loss)
    loss.play.around = FROZEN
    mate = loss.play.pair.replicas[1]
    approve(loss, "fence")
    loss.until(lambda: bool(loss.ground.step("fence").state == "done"))
    loss.play.kill(loss.play.pair.primary)
    loss.play.servers[mate.pk].promised = 30.0
    approve(loss)
    loss.until(lambda: "promised its primary" in _waits(loss))
    act = Failover.objects.get().act
    assert told(act) == [str(mate)]
    loss.ground.now = loss.play.now
    loss.ground.press(Press.ABORT)
    assert given_again(act) == [str(mate)]
    loss.run(3.0)
    assert Failover.objects.get().authority == {}


def _waits(loss: Loss) -> str:
    """What its failover waits for now, as the leader sees it."""
    row = Failover.objects.exclude(act="").first()
    asked = Operation.objects.filter(verb="ask", params__take_over=True, state="done")
    return "promised its primary" if row and asked.filter(params__by=row.act).exists() else ""


@pytest.mark.parametrize("durability", list(Durability))
def test_brief_and_plan_name_the_same_copy_for_the_same_moment(
    pinned: Path, durability: Durability
) -> None:
    loss = make_loss(pinned, durability)
    loss.kill_site()
    loss.run(1.0)
    brief = fleet_at(loss.play.now).brief("PAR1")
    (quoted,) = brief.activate.losses
    (row,) = inventory().databases
    (copy,) = row.copies
    assert (copy.site, copy.source, copy.at) == ("OSU2", quoted.source, quoted.at)
    assert copy.lost == quoted.lost
    start(loss)
    (quote,) = plan_of(loss.ground.run).quotes
    assert (quote.way, quote.source) == ("promote", quoted.source)
    assert quoted.at is not None
    assert quote.moment == quoted.at.isoformat()
