"""A datacenter comes back: nothing of it follows before people decided, and then it leads again."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.clock import ManualClock
from recovery.core.errors import Refused
from recovery.detection.freezes import lift_freeze
from recovery.detection.models import Freeze
from recovery.drp import actions
from recovery.drp.actions.apart import PREFIX, let_copies_follow
from recovery.drp.actions.runs import Override
from recovery.drp.carrying import make_cycle
from recovery.drp.cycle import APART_EVERY
from recovery.drp.facts import Mode
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.models import Act
from recovery.drp.plan import Plan
from recovery.drp.planning.inventory import Wish
from recovery.drp.planning.refusing import refuse_plan
from recovery.drp.press import Press
from recovery.drp.queries.failback import back_of
from recovery.drp.queries.runs import plan_of
from recovery.failover.actions.fences import lift_fence
from recovery.failover.models import Failover, Fence
from recovery.gateway.plans import plan_words
from recovery.inventory.facts import ReplicaState, Role, Verdict
from recovery.inventory.models import Database, Host, Replica
from recovery.operations.facts import Verb
from recovery.operations.models import Operation
from tests.actions.drp.ground import pin
from tests.actions.drp.losing import Loss, make_loss
from tests.actions.drp.test_carrying import active
from tests.actions.drp.test_promoting import approve, is_over, start
from tests.dashboard.drp.conftest import text
from tests.decisions.drp.books import raw
from tests.scenes import scene
from tests.support.fleet import BY

pytestmark = pytest.mark.django_db
BACK = """\
  - id: keep
    title: Keep
    stage: activation
    owner: approver
    timeout: 1h
    undo: Nothing follows yet.
    approval: {role: approver, count: 1}
    do: {kind: keep_copies, select: {of: lost}}
  - id: lift
    title: Lift
    stage: activation
    owner: approver
    timeout: 1h
    point_of_no_return: They are met again.
    needs: [keep]
    approval: {role: approver, count: 1}
    do: {kind: lift_fence, datacenter: into}
  - id: discard
    title: Discard
    stage: recovery
    owner: approver
    timeout: 1h
    point_of_no_return: It is rewound.
    needs: [lift]
    approval: {role: approver, count: 1}
    do: {kind: discard_copies, select: {of: lost}}
  - id: freeze
    title: Freeze
    stage: recovery
    owner: responder
    timeout: 1m
    undo: Thaw.
    needs: [discard]
    do: {kind: freeze_automation, what: [failover]}
  - id: switch
    title: Switch
    stage: recovery
    owner: responder
    timeout: 1h
    point_of_no_return: Another switchover.
    needs: [freeze]
    approval: {role: approver, count: 1}
    do: {kind: promote_databases, select: {of: lost}}
"""
KILLED = {"keep": "after_act", "lift": "after_intent", "discard": "before_record"}
"""Where the leader dies in each step."""
ALONE = "3 transactions differ: public.orders: 3 inserts"


@pytest.fixture
def loss(pinned: Path) -> Loss:
    """PAR1 was lost and fenced; a run promoted in OSU2; now it answers behind its fence. The leader
    is a new one: it remembers nothing of that."""
    loss = returned()
    loss.ground.pins = pinned
    pin(loss.ground.keys, pinned)
    loss.lead()
    return loss


@scene
def returned() -> Loss:
    loss = make_loss(Path(settings.TOCSIN_PINS))
    loss.kill_site()
    start(loss)
    approve(loss, "fence")
    approve(loss)
    loss.until(lambda: is_over(loss))
    lift_freeze(freeze=Freeze.objects.get().pk, actor=BY, reason="Over.", now=loss.play.now)
    come_back(loss)
    return loss


def come_back(loss: Loss) -> None:
    for replica in loss.play.pair.replicas[:2]:
        server = loss.play.servers[replica.pk]
        server.is_up, server.server = True, "down"
        host = Host.objects.get(pk=replica.host_id)
        transitions.move(host, Verdict.ALIVE, actor=BY, reason="it answers", now=loss.play.now)
    first = loss.play.servers[loss.play.pair.replicas[0].pk]
    first.alone, first.is_measured = ALONE, True
    loss.run(2.0)


def go_back(
    loss: Loss,
    keep: frozenset[str] | None = None,
    export: frozenset[str] = frozenset(),
    steps: str = BACK,
) -> Plan:
    """The way back of that run is prepared and started."""
    number, text = loss.ground.run.number, raw("return").split("steps:\n")[0] + "steps:\n" + steps
    loss.ground.now = loss.play.now
    actions.prepare_run(
        runbook=active(text),
        wish=Wish(
            Mode.PLANNED,
            "OSU2",
            "PAR1",
            "PAR1 is back.",
            back=back_of(number, out_of="OSU2", into="PAR1", keep=keep, export=export),
        ),
        override=Override("It was never drilled."),
        refuse=refuse_plan,
        actor=Actor("person", "amelie"),
        reason="Back.",
        now=loss.play.now,
    )
    loss.ground.cycle = make_cycle(ManualClock(loss.ground.now))
    loss.ground.press(Press.START)
    loss.lead()
    return plan_of(loss.ground.run)


def states() -> list[tuple[int, str, str]]:
    rows = Replica.objects.order_by("number")
    return [(row.number, row.role, row.state) for row in rows]


def rejoins() -> int:
    return Operation.objects.filter(verb=Verb.REJOIN).count()


def start_them(loss: Loss) -> None:
    """Their agents start what may follow again, and it takes in the new primary's history."""
    for replica in loss.play.pair.replicas[:2]:
        server = loss.play.servers[replica.pk]
        server.server, server.timeline = "running", 2


def test_behind_its_fence_nothing_follows_and_lifted_by_hand_it_does_by_itself(loss: Loss) -> None:
    loss.run(20.0)
    assert rejoins() == 0
    assert Replica.objects.get(number=1).role == Role.OUT
    lift_fence(datacenter="PAR1", actor=BY, reason="It is back.", now=loss.play.now)
    loss.run(5.0)
    assert rejoins() == 1
    assert Replica.objects.get(number=1).role == Role.STANDBY


def unknown(loss: Loss) -> None:
    """Until its agent has looked, it is said why it is not known; whatever may be lost is kept."""
    first = loss.play.servers[loss.play.pair.replicas[0].pk]
    first.alone, first.is_measured, first.detail = "", False, "measure: no server answers"
    loss.run(1.0)
    (move,) = back_of(loss.ground.run.number, out_of="OSU2", into="PAR1").moves
    assert move.held.startswith("orders-1 on par1-r1-h1: not known: measure: no server answers;")
    assert move.choice == "keep"
    first.is_measured = True
    loss.run(1.0)
    (move,) = back_of(loss.ground.run.number, out_of="OSU2", into="PAR1").moves
    assert "holds nothing that the primary lacks" in move.held
    assert move.choice == "discard"
    first.alone, first.detail = ALONE, ""
    loss.run(1.0)


def test_what_each_copy_holds_or_why_it_is_not_known_is_in_the_plan_that_is_signed(
    loss: Loss,
) -> None:
    unknown(loss)
    plan = go_back(loss)
    (move,) = plan.moves
    assert move.held == (
        f"orders-1 on par1-r1-h1: {ALONE}; orders-2 on par1-r2-h1 was a standby: all that it holds"
        " came from the primary of then."
    )
    assert move.choice == "keep", "it holds what its primary lacks"
    loss.until(lambda: bool(loss.ground.step("keep").state == "asking"))
    client = Client()
    client.force_login(User.objects.get(username="bruno"))
    asked = text(client.get(f"/recovery/approve/{loss.ground.ask('keep').pk}/"))
    assert ALONE in asked
    assert "kept aside, then followed anew" in asked
    assert ALONE in text(client.get(f"/recovery/runs/{loss.ground.run.number}/"))
    assert "until 2026-11-" in move.reason


def test_it_is_kept_then_let_in_then_let_go_and_then_it_leads_again(loss: Loss) -> None:
    go_back(loss)
    approve(loss, "keep")
    loss.until(lambda: bool(loss.ground.step("keep").state == "done"))
    said = Act.objects.get(step__name="keep").said
    assert said.startswith("2 kept. orders-1 on par1-r1-h1: kept/20261129T031415.000000Z, 48.0 MB")
    assert "until 2026-12-" in said
    kept = Operation.objects.filter(verb=Verb.KEEP)
    assert set(plan_words(kept)) == {op.pk for op in kept}, "they leave with people's signatures"
    assert Fence.objects.get().state == "standing"
    approve(loss, "lift")
    loss.until(lambda: bool(loss.ground.step("lift").state == "done"))
    assert Fence.objects.get().state == "lifted"
    assert states()[:2] == [(1, "out", "quarantined"), (2, "out", "quarantined")]
    loss.run(10.0)
    assert rejoins() == 0, "nobody has said that they may follow"
    start_them(loss)
    approve(loss, "discard")
    loss.until(lambda: bool(loss.ground.step("discard").state == "done"))
    assert rejoins() == 2, "what a standby alone may hold is kept before it follows, too"
    assert states()[:2] == [(1, "standby", "member"), (2, "standby", "member")]
    assert ALONE in loss.ground.step("discard").said
    approve(loss, "switch")
    loss.until(lambda: is_over(loss), 120.0)
    row = Database.objects.select_related("primary__host__datacenter").get()
    assert row.primary is not None
    assert row.primary.host.datacenter.name == "PAR1"
    assert row.state == "serving"
    back = Failover.objects.get(act__startswith=str(loss.ground.run.pk))
    assert back.kind == "switchover"
    assert loss.ground.run.state_reason == "Every step is over."


def test_nothing_is_let_go_before_what_was_to_be_kept_is_kept(loss: Loss) -> None:
    go_back(loss)
    loss.play.refuses["keep"] = "it is not set apart: it may serve"
    approve(loss, "keep")
    loss.until(lambda: bool(loss.ground.run.state == "paused"))
    assert "it is not set apart: it may serve" in Act.objects.get(step__name="keep").said
    loss.ground.press(Press.SKIP, "bruno", step="keep", reason="Never mind.")
    loss.ground.press(Press.RESUME)
    approve(loss, "lift")
    approve(loss, "discard")
    loss.until(lambda: bool(loss.ground.step("discard").state == "failed"))
    said = Act.objects.get(step__name="discard").said
    assert said == "What orders holds there was to be kept first, and is not."
    assert Replica.objects.get(number=1).state == ReplicaState.QUARANTINED
    assert rejoins() == 0


def tell_kept(loss: Loss) -> None:
    """The first copy's agent says that it is kept; of the other one a person does."""
    go_back(loss)
    loss.play.is_deaf.add("keep")
    approve(loss, "keep")
    loss.until(lambda: Operation.objects.filter(verb=Verb.KEEP, state="intended").count() == 2)
    loss.play.answer(Operation.objects.get(verb=Verb.KEEP, replica=loss.play.pair.replicas[0]))
    act = Act.objects.get(step__name="keep")
    transitions.move(act, "unknown", actor=BY, reason="Its time is over.", now=loss.play.now)
    loss.ground.press(
        Press.TELL, "bruno", step="keep", key=act.key, reason="I saw it.", was_done=True
    )


def test_a_persons_word_that_it_was_kept_hides_no_fence_that_another_one_lifts(loss: Loss) -> None:
    """The run has not touched the database: what follows by itself then was to be kept."""
    tell_kept(loss)
    lift_fence(datacenter="PAR1", actor=BY, reason="It is back.", now=loss.play.now)
    loss.run(2.0)
    assert loss.ground.run.state == "paused"
    assert "orders: what it holds was to be kept." in loss.ground.run.state_reason


def test_a_persons_word_that_it_was_kept_lets_only_those_go_whose_agents_told_it(
    loss: Loss,
) -> None:
    tell_kept(loss)
    second = loss.play.pair.replicas[1]
    approve(loss, "lift")
    start_them(loss)
    approve(loss, "discard")
    loss.until(lambda: bool(loss.ground.step("discard").state == "done"))
    assert states()[:2] == [(1, "standby", "member"), (2, "out", "quarantined")]
    assert not Operation.objects.filter(verb=Verb.REJOIN, replica=second).exists()
    said = Act.objects.get(step__name="discard").said
    assert said.endswith(
        "No agent told that it kept what is on orders-2 on par1-r2-h1: set apart still."
    )


def test_a_fence_that_somebody_lifts_before_the_run_does_is_drift_where_it_was_to_be_kept(
    loss: Loss,
) -> None:
    go_back(loss)
    lift_fence(datacenter="PAR1", actor=BY, reason="It is back.", now=loss.play.now)
    loss.run(2.0)
    run = loss.ground.run
    assert run.state == "paused"
    assert "orders: what it holds was to be kept. orders-1 on par1-r1-h1" in run.state_reason
    assert "orders-2 on par1-r2-h1 is free to follow by itself" in run.state_reason


def test_without_a_fence_those_that_do_not_follow_yet_are_set_apart(loss: Loss) -> None:
    """People chose that they follow; the step says the same of a fence that is gone already."""
    go_back(loss, frozenset())
    loss.until(lambda: bool(loss.ground.step("keep").state == "done"))
    assert loss.ground.step("keep").said.startswith("There is nothing to keep")
    assert not loss.ground.step("keep").asks.exists(), "nobody is asked about nothing"
    first = loss.play.servers[loss.play.pair.replicas[0].pk]
    first.is_up = False
    loss.run(6.0)
    lift_fence(datacenter="PAR1", actor=BY, reason="It is back.", now=loss.play.now)
    approve(loss, "lift")
    loss.until(lambda: bool(loss.ground.step("lift").state == "done"))
    assert states()[:2] == [(1, "out", "quarantined"), (2, "standby", "member")]
    said = Act.objects.get(step__name="lift").said
    assert said == "No fence of PAR1 stands: nothing was lifted. Set apart until decided: 1 copies."


def test_copies_that_no_plan_has_any_more_ring_until_a_person_lets_them_go(loss: Loss) -> None:
    go_back(loss)
    for name in ("keep", "lift"):
        approve(loss, name)
        loss.until(lambda name=name: bool(loss.ground.step(name).state == "done"))  # type: ignore[misc]
    loss.run(APART_EVERY.total_seconds() + 1.0)
    rings = Alarm.objects.filter(key__startswith=PREFIX).exclude(state="ended")
    assert not rings.exists(), "the run has them"
    database = Database.objects.get()

    def let_go() -> None:
        let_copies_follow(database=database, actor=BY, reason="Enough.", now=loss.play.now)

    with pytest.raises(Refused, match="decides about what the copies of orders hold"):
        let_go()
    loss.ground.press(Press.ABORT)
    loss.until(lambda: loss.ground.run.state == "aborted")
    loss.run(APART_EVERY.total_seconds() + 1.0)
    assert "orders-1 on par1-r1-h1, orders-2 on par1-r2-h1: they follow" in rings.get().body
    let_go()
    with pytest.raises(Refused, match="No copy of orders is set apart"):
        let_go()
    loss.run(APART_EVERY.total_seconds() + 1.0)
    assert not rings.exists()
    assert rejoins() == 2


def test_leaders_killed_in_every_step_do_each_once(loss: Loss) -> None:
    go_back(loss)
    start_them(loss)
    for name, point in KILLED.items():
        loss.until(lambda name=name: bool(loss.ground.step(name).state == "asking"))  # type: ignore[misc]
        loss.fail(point, 1)
        approve(loss, name)
    loss.until(lambda: bool(loss.ground.step("discard").state == "done"))
    assert Operation.objects.filter(verb=Verb.KEEP).count() == 2
    assert Effect.objects.filter(kind=EffectKind.LIFTED).count() == 1
    assert Effect.objects.filter(kind=EffectKind.RELEASED).count() == 2
    acts = Act.objects.filter(step__run=loss.ground.run, step__name__in=KILLED)
    assert acts.count() == 3
    assert rejoins() == 2
