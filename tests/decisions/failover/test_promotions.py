"""A promotion that was refused, failed, frozen or broken off, and who was left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from recovery.failover.facts import (
    Act,
    Answer,
    Ask,
    Facts,
    OrderSight,
    ReplicaSight,
    Step,
    Wait,
)
from recovery.failover.phases import FailoverKind, Phase
from recovery.inventory.facts import Role
from recovery.operations.facts import OperationState
from tests.decisions.failover.build import (
    ENDED,
    LEASE_PROOF,
    RENEWED,
    act,
    answered,
    database,
    decide,
    facts,
    failover,
    lost,
    order,
    primary,
    standby,
)

NOW = RENEWED + 0.2


def refusing(**changes: Any) -> Facts:
    said = "It promised its primary not to be promoted for 4.0 s more."
    plain: dict[str, Any] = {
        "new_epoch": 4, "target": "b", "proof": LEASE_PROOF, "attempts": 1,
        "orders": (order("promote", "b", "refused", detail=said, age=1.0),),
    }  # fmt: skip
    return lost(failover=failover(Phase.PROMOTE, **{**plain, **changes}))


def test_a_refused_promotion_takes_over_and_waits_the_last_promise_out() -> None:
    step = decide(refusing(asked=(answered(age=9.0),)), ENDED)
    assert isinstance(step, Step)
    assert (step.act, step.take_over) == (Act.ASK, True)
    waiting = decide(refusing(asked=(answered(age=0.5, promised_for=3.0),)), ENDED)
    assert isinstance(waiting, Wait)
    assert waiting.seconds == pytest.approx(2.5)
    again = decide(refusing(asked=(answered(age=0.5, promised_for=0.4),)), ENDED)
    assert act(again) is Act.PROMOTE


def test_a_standby_that_fails_to_promote_gives_way_to_another_choice() -> None:
    broken = refusing(orders=(order("promote", "b", "failed", detail="disk full"),))
    step = decide(broken, ENDED)
    assert isinstance(step, Step)
    assert (step.act, step.to) == (Act.CHOOSE_AGAIN, Phase.ELECT)
    at = failover(Phase.ELECT, new_epoch=4, proof=LEASE_PROOF, tried=(("b", "disk full"),))
    answer = decide(lost(failover=at), ENDED)
    assert isinstance(answer, Ask)
    assert "disk full" in answer.reason


def test_who_failed_to_promote_is_a_candidate_again_after_a_while() -> None:
    """There may be nobody else, and what failed may have passed: at an epoch of its own."""
    tried = (("b", "its server does not answer"),)
    at = failover(Phase.ELECT, new_epoch=4, proof=LEASE_PROOF, tried=tried)
    assert isinstance(decide(lost(failover=at), ENDED), Ask)
    assert act(decide(lost(failover=replace(at, phase_age=10.0)), ENDED)) is Act.CHOOSE
    failed = order("promote", "b", "failed", epoch=4)
    chosen = replace(at, phase=Phase.PROMOTE, new_epoch=5, target="b", orders=(failed,))
    assert act(decide(lost(failover=chosen), ENDED)) is Act.PROMOTE
    again = replace(chosen, orders=(replace(failed, epoch=5),))
    assert act(decide(lost(failover=again), ENDED)) is Act.CHOOSE_AGAIN


def test_the_old_primary_gets_its_writes_back_when_nobody_else_can_take_them() -> None:
    at = failover(Phase.ELECT, new_epoch=4, proof=LEASE_PROOF)
    known = lost(primary(age=0.5), standby(server="failed"), failover=at)
    assert act(decide(known, ENDED)) is Act.GIVE_BACK


def test_a_person_gives_the_writes_back_although_the_old_primary_was_ended_meanwhile() -> None:
    """Found by schedule 6 behind the relay: its standby was well for 0 s, and its agent had ended
    its server when it was told to be out: nobody could lead, and no word of a person counted."""
    stuck = failover(Phase.ELECT, new_epoch=4, proof=LEASE_PROOF)
    ended = primary(age=0.5, server="failed", role=Role.OUT)
    assert isinstance(decide(lost(ended, standby(healthy_for=0.0), failover=stuck), ENDED), Ask)
    off = replace(stuck, called_off="Amelie")
    known = lost(ended, standby(healthy_for=0.0), failover=off)
    assert act(decide(known, ENDED)) is Act.GIVE_BACK
    silent = lost(replace(ended, age=60.0), standby(healthy_for=0.0), failover=off)
    assert act(decide(silent, ENDED)) is not Act.GIVE_BACK
    empty = lost(replace(ended, server="absent"), standby(healthy_for=0.0), failover=off)
    assert act(decide(empty, ENDED)) is not Act.GIVE_BACK


def test_an_unknown_promotion_is_looked_at_and_never_assumed() -> None:
    stuck = refusing(orders=(order("promote", "b", "unknown", age=40.0),))
    silent = replace(stuck, replicas=(primary(age=60.0), standby(age=9.0)))
    answer = decide(silent, ENDED)
    assert isinstance(answer, Ask)
    assert answer.alarm == "promotion-unknown"


def test_who_was_frozen_in_its_promotion_and_runs_is_ordered_again_at_the_same_epoch() -> None:
    unknown = order("promote", "b", "unknown", age=10.1, epoch=4)
    answer = decide(refusing(orders=(unknown,)), ENDED)
    assert isinstance(answer, Step)
    assert (answer.act, answer.replica, answer.to) == (Act.PROMOTE, "b", None)
    early = replace(unknown, age=9.0)
    assert isinstance(decide(refusing(orders=(early,)), ENDED), Wait)
    under_way = replace(unknown, state=OperationState.HANDED)
    assert isinstance(decide(refusing(orders=(under_way,)), ENDED), Wait)
    unproven = refusing(orders=(unknown,), proof=None)
    assert isinstance(decide(unproven, ENDED), Wait)
    stuck = decide(refusing(orders=(early,), attempts=9, phase_age=31.0), ENDED)
    assert isinstance(stuck, Ask)
    assert stuck.alarm == "promotion-unknown"


def test_who_fell_in_its_promotion_is_started_again_before_it_is_ordered_again() -> None:
    """Whether it leads already nobody knows, so nobody else may."""
    unknown = order("promote", "b", "unknown", age=20.0, epoch=4)

    def fell(*orders: OrderSight) -> Answer:
        known = refusing(orders=(unknown, *orders))
        return decide(replace(known, replicas=(primary(age=60.0), standby(server="down"))), ENDED)

    assert act(fell()) is Act.RESTART
    assert isinstance(fell(order("restart", "b", "handed")), Wait)
    assert isinstance(fell(order("restart", "b", "unknown", age=12.0)), Wait)
    assert act(fell(order("restart", "b", "unknown", age=31.0))) is Act.RESTART


def left_out(**changes: Any) -> ReplicaSight:
    return replace(standby(role=Role.OUT), replica="c", name="orders-3", **changes)


def test_who_was_left_out_follows_again_although_nothing_is_under_way() -> None:
    """It ended early, because its new primary was in trouble, before the old one came back."""
    step = decide(facts(primary(), standby(), left_out()), NOW)
    assert isinstance(step, Step)
    assert (step.act, step.replica) == (Act.REJOIN, "c")
    assert decide(facts(primary(), standby(), left_out(age=9.0)), NOW) == Wait("Nothing to do.")
    degraded = facts(primary(), left_out(), database=database(is_degraded=True), protected_for=0.0)
    assert act(decide(degraded, NOW)) is Act.REJOIN
    unseen = facts(primary(epoch=2), left_out())
    assert isinstance(decide(unseen, NOW), Wait), "it serves in an older epoch"


def test_who_was_left_out_follows_again_while_a_restart_waits_for_a_standby() -> None:
    at = failover(Phase.REBUILD, kind=FailoverKind.RESTART, phase_age=1.0)
    known = facts(primary(), left_out(), failover=at, protected_for=0.0)
    assert act(decide(known, NOW)) is Act.REJOIN


def test_who_was_left_out_follows_again_while_the_old_primary_is_away() -> None:
    """The old primary is asked for by its own failover, once; it keeps nobody else waiting."""
    at = failover(Phase.REBUILD, phase_age=1.0, source="a", target="b")
    away = replace(primary(role=Role.OUT, age=99.0), replica="a")
    leads = replace(primary(epoch=1), replica="b", name="orders-2")
    now = replace(database(), primary="b")
    step = decide(facts(away, leads, left_out(), database=now, failover=at, protected_for=0.0), NOW)
    assert isinstance(step, Step)
    assert (step.act, step.replica) == (Act.REJOIN, "c")
