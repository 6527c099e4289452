"""A run promotes a database in the other datacenter: one failover, whoever is killed when."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.agent.databases.approved import Approvals
from recovery.audit.facts import Actor
from recovery.core import control
from recovery.core.consent import write_pins
from recovery.core.errors import Conflict, Refused
from recovery.detection.models import Freeze
from recovery.drp.actions import press
from recovery.drp.approvals.proofs import party
from recovery.drp.facts import Mode
from recovery.drp.models import Act, Approval
from recovery.drp.press import Press
from recovery.drp.queries.approvals import plan_of
from recovery.failover.actions.failovers import choose_target, order_promotion, revoke_primary
from recovery.failover.actions.plans import Wish, promote_by_plan
from recovery.failover.facts import Election
from recovery.failover.models import Failover, Fence, Lease
from recovery.failover.rounds.offered import approved_by, authority_of
from recovery.gateway.databases import order_of, specs_of
from recovery.gateway.plans import plan_words
from recovery.inventory.facts import Durability
from recovery.inventory.models import Epoch
from recovery.operations.models import Operation
from tests.actions.drp.killing import begin
from tests.actions.drp.losing import Loss, make_loss
from tests.actions.failover.agents import Server

pytestmark = pytest.mark.django_db
STEPS = """\
  - id: freeze
    title: Freeze
    stage: activation
    owner: responder
    timeout: 1m
    undo: Thaw.
    do: {kind: freeze_automation, what: [rescheduling, failover, retention, restore_tests]}
  - id: fence
    title: Fence
    stage: recovery
    owner: responder
    timeout: 5m
    undo: Lift it.
    needs: [freeze]
    approval: {role: approver, count: 1}
    do: {kind: fence_datacenter, datacenter: lost, proof: leases_ended}
  - id: promote
    title: Promote
    stage: recovery
    owner: responder
    timeout: 5m
    retries: 0
    point_of_no_return: There is no way back.
    needs: [fence]
    approval: {role: approver, count: 1}
    do: {kind: promote_databases, select: {of: lost}}
"""


def start(loss: Loss, mode: Mode = Mode.DISASTER) -> None:
    """Shown, started, fenced, asked for the promotion."""
    loss.ground.now = loss.play.now
    begin(loss.ground, STEPS, mode)
    loss.lead()
    loss.until(lambda: loss.ground.step("fence").state == "asking")


def approve(loss: Loss, name: str = "promote") -> Approval:
    loss.until(lambda: loss.ground.step(name).state == "asking")
    return loss.ground.say(name, "bruno")


def is_over(loss: Loss) -> bool:
    return bool(loss.ground.run.state == "done")


@pytest.fixture
def loss(pinned: Path) -> Loss:
    return make_loss(pinned)


def test_a_lost_pair_is_promoted_where_the_plan_says_and_nowhere_before(loss: Loss) -> None:
    loss.kill_site()
    loss.run(15.0)
    assert Failover.objects.get().phase == "analyse", "no judge promotes across datacenters"
    start(loss)
    approve(loss, "fence")
    loss.run(5.0)
    assert Failover.objects.get().act == "", "nobody has approved it"
    approve(loss)
    loss.until(lambda: is_over(loss))
    row = Failover.objects.get()
    act = Act.objects.get(step__name="promote")
    assert (row.act, row.target) == (act.key, loss.play.pair.replicas[2])
    assert act.epoch == row.new_epoch == 2
    assert row.proof is not None
    assert row.proof["kind"] == "lease-ended"
    assert "unheard, may have prolonged it unseen" in row.proof["said"]
    assert "on the word of amelie and bruno" in row.proof["said"]
    assert loss.play.database.state == "serving"
    promotes = Operation.objects.filter(verb="promote")
    assert promotes.count() == 1
    told = promotes.get().params["plan"]
    assert told == {"run": str(loss.ground.run.pk), "step": "promote", "act": act.key}
    assert loss.ground.run.state_reason == "Every step is over.", "its own epochs are no drift"
    _is_believed_by_its_agent(loss, promotes.get())


def _is_believed_by_its_agent(loss: Loss, op: Operation) -> None:
    """It asks its own keys about what the order carries, and refuses what carries nobody's."""
    approvals = Approvals(loss.ground.pins, party())
    spec = specs_of([loss.play.database.pk])[op.replica_id or op.pk]
    word = plan_words([op])[op.pk]
    assert approvals.refuse(order_of(op, spec, 1, word)) == ""
    op.params = {"plan": op.params["plan"] | {"act": "forged/promote/x/1"}}
    forged = order_of(op, spec, 1, plan_words([op])[op.pk])
    assert approvals.refuse(forged) == "mandate: it carries nobody's approval"
    op.params = {}
    assert plan_words([op]) == {op.pk: word}, "its failover names the act, too"
    for verb in ("restore", "adopt", "fence"):
        op.verb = verb
        assert plan_words([op]) == {}, "what is ordered in that epoch later is no act of the plan"
    op.verb = "promote"
    loss.ground.pins.write_bytes(write_pins([]))
    assert "0 of 1 people have signed it" in approvals.refuse(order_of(op, spec, 1, word))


def test_an_aborted_run_leaves_no_authority_behind(loss: Loss) -> None:
    """What waits goes on by failover's own rules: nobody is promoted across datacenters."""
    loss.kill_site()
    loss.play.kill(loss.play.pair.replicas[2])
    start(loss)
    approve(loss, "fence")
    approve(loss)
    loss.until(lambda: Failover.objects.exclude(act="").exists())
    assert Failover.objects.get().authority
    press(
        run=loss.ground.run.pk,
        press=Press.ABORT,
        actor=Actor("person", "amelie"),
        reason="It comes back.",
        now=loss.play.now,
    )
    held = Failover.objects.get()
    assert (held.authority, authority_of(held)) == ({}, None)
    assert held.act, "whose it was is kept"


def revoke(loss: Loss) -> None:
    """On the word of the plan's people."""
    row, play = Failover.objects.get(), loss.play
    (word,) = approved_by(row)
    with control.deciding(play.epoch):
        revoke_primary(
            failover=row, proof=word, seen=None, actor=play.actor, reason="test", now=play.now
        )


def test_the_word_of_an_aborted_run_proves_nothing_any_more(loss: Loss) -> None:
    """It lives by no lease, so that its plan's people are the proof; and they take it back."""
    loss.kill_site()
    Lease.objects.all().delete()
    start(loss)
    approve(loss, "fence")
    loss.play.is_deaf.add("ask")
    approve(loss)
    loss.until(Failover.objects.exclude(act="").exists)
    copy = loss.play.pair.replicas[2]
    loss.play.kill(copy)
    revoke(loss)
    loss.run(1.0)
    before = Failover.objects.get()
    assert before.phase == "elect"
    loss.ground.now = loss.play.now
    loss.ground.press(Press.ABORT)
    with pytest.raises(Conflict, match="is on another word by now"):
        choose_target(
            failover=before, election=Election(str(copy.pk), ()), target=copy, degraded=False,
            actor=loss.play.actor, reason="Chosen before that.", now=loss.play.now,
        )  # fmt: skip
    loss.run(3.0)
    row = Failover.objects.get(proof__isnull=True)
    assert (row.phase, row.fenced_at, row.target) == ("fence", None, None)
    assert "power it off, or two people vouch" in row.waiting_for


def test_a_run_that_is_aborted_after_the_choice_has_nobody_ordered_on_its_word(loss: Loss) -> None:
    loss.kill_site()
    Lease.objects.all().delete()
    start(loss)
    approve(loss, "fence")
    loss.play.is_deaf.add("promote")
    approve(loss)
    loss.until(Failover.objects.filter(phase="promote").exists)
    before = Failover.objects.get()
    loss.ground.now = loss.play.now
    loss.ground.press(Press.ABORT)
    assert Failover.objects.get().authority == {}
    with pytest.raises(Conflict, match="is on another word by now"):
        order_promotion(
            failover=before, urgency=1, actor=loss.play.actor, reason="On its word.",
            now=loss.play.now,
        )  # fmt: skip
    ordered = Operation.objects.filter(verb="promote").count()
    loss.run(3.0)
    assert Operation.objects.filter(verb="promote").count() == ordered


@pytest.mark.parametrize("point", ["after_intent", "after_act"])
def test_a_leader_killed_around_the_promotion_promotes_once(loss: Loss, point: str) -> None:
    """Every other point, and the other steps': tests/drp_story."""
    is_once(loss, point, 3)


def is_once(loss: Loss, point: str, times: int) -> None:
    """Killed there, the run ends the same: each thing once."""
    loss.kill_site()
    start(loss)
    loss.fail(point, times)
    approve(loss, "fence")
    approve(loss)
    loss.until(lambda: is_over(loss), 90.0)
    assert Failover.objects.count() == 1
    assert Fence.objects.count() == 1
    assert Operation.objects.filter(verb="promote").count() == 1
    assert list(Epoch.objects.order_by("number").values_list("number", flat=True)) == [1, 2]
    assert Freeze.objects.count() == 1
    assert Act.objects.count() == 3


def leave_behind(loss: Loss, seconds: int) -> Server:
    """The copy takes nothing in for so long; then the site is gone, for a while."""
    copy = loss.play.servers[loss.play.pair.replicas[2].pk]
    primary = loss.play.servers[loss.play.pair.primary.pk]
    for _ in range(seconds):
        primary.position += 50
        loss.play.servers[loss.play.pair.replicas[1].pk].position = primary.position
        loss.play.tick(1.0)
    assert copy.position < primary.position
    loss.kill_site()
    loss.run(10.0)
    return copy


def test_what_was_quoted_may_be_lost(pinned: Path) -> None:
    """Two people were shown how much."""
    loss = make_loss(pinned, Durability.ASYNCHRONOUS)
    behind = loss.play.servers[loss.play.pair.replicas[2].pk]
    behind.replayed_at = loss.play.mono
    leave_behind(loss, 12)
    start(loss)
    (quote,) = plan_of(loss.ground.run).quotes
    assert quote.lost_ms is not None
    assert 12_000 <= quote.lost_ms <= 12_000 + 11_000, "to the ten seconds before"
    approve(loss, "fence")
    approve(loss)
    loss.until(lambda: is_over(loss))
    row = Failover.objects.get()
    assert row.authority["loss"] == quote.lost_ms / 1000
    assert row.loss["seconds"] == pytest.approx(12.0, abs=1.0)


def test_more_loss_than_was_approved_pauses_the_run_and_promotes_nobody(pinned: Path) -> None:
    loss = make_loss(pinned, Durability.ASYNCHRONOUS)
    leave_behind(loss, 12)
    start(loss)
    approve(loss, "fence")
    approve(loss)
    loss.until(lambda: loss.ground.run.state == "paused")
    said = loss.ground.run.state_reason
    assert "More would be lost than what was approved: about 12 s of writes;" in said
    assert f"{loss.ground.run}, step promote, approved 0 s." in said
    assert not Operation.objects.filter(verb="promote").exists()
    assert not Lease.objects.get().revoked, "the primary may simply come back"


def test_what_another_decided_meanwhile_is_not_overruled(loss: Loss) -> None:
    """It fails over at home after the plan was shown."""
    start(loss)
    loss.play.kill(loss.play.pair.primary)
    loss.play.until("rebuild")
    assert loss.play.database.epoch == 2
    loss.run(3.0)
    assert loss.ground.step("fence").state == "pending", "it drifted: the question is void"
    assert "in epoch 2 now; the plan saw epoch 1" in loss.ground.run.state_reason
    with pytest.raises(Conflict, match="question is over"):
        loss.ground.say("fence", "bruno")
    assert Failover.objects.get().act == ""


def wish_of(loss: Loss, epoch: int) -> Wish:
    run, people = loss.ground.run, ("amelie", "bruno")
    key = f"{run.pk}/promote/x/1"
    return Wish(key, run.pk, str(run), "promote", "OSU2", 0.0, people, epoch)


def promote(loss: Loss, wish: Wish) -> Failover:
    play = loss.play
    return promote_by_plan(
        database=play.database.pk, wish=wish, actor=play.actor, reason="test", now=play.now
    )


def test_a_failover_that_may_have_promoted_somebody_is_left_alone(loss: Loss) -> None:
    start(loss)
    loss.play.kill(loss.play.pair.primary)
    loss.play.is_deaf.add("promote")
    loss.play.until("promote")
    with pytest.raises(Refused, match="is under way in phase promote: wait for it"):
        promote(loss, wish_of(loss, loss.play.database.epoch))
    with pytest.raises(Refused, match="is in epoch 2; the plan saw epoch 1"):
        promote(loss, wish_of(loss, 1))
    assert Failover.objects.get().act == ""


def test_a_primary_that_renews_is_promoted_over_by_nobody(loss: Loss) -> None:
    start(loss)
    row = promote(loss, wish_of(loss, 1))
    assert promote(loss, wish_of(loss, 1)) == row, "the same act finds its own"
    loss.run(3.0)
    row.refresh_from_db()
    assert row.phase == "abandoned"
    assert "Its primary renews its lease and serves" in row.end_reason
    assert loss.play.database.epoch == 1


def test_an_aborted_run_begins_nothing_that_it_had_intended(loss: Loss) -> None:
    loss.kill_site()
    start(loss)
    loss.fail("after_intent", 2)
    approve(loss, "fence")
    approve(loss)
    loss.until(lambda: Act.objects.filter(step__name="promote").exists())
    assert not Failover.objects.exclude(act="").exists()
    loss.ground.press(Press.ABORT)
    loss.until(lambda: bool(loss.ground.run.state == "aborted"))
    assert not Failover.objects.exclude(act="").exists()
    said = Act.objects.get(step__name="promote").said
    assert said == "The run was aborted before it was begun."
