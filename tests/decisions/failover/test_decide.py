"""The next step of a failover, from the first doubt to redundancy (safety.md 2.1, H6-H8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from recovery.failover.begin import refuse_begin, refuse_switchover
from recovery.failover.facts import (
    Act,
    Answer,
    Around,
    Ask,
    Facts,
    Proof,
    ProofKind,
    Standby,
    Step,
    Wait,
)
from recovery.failover.phases import FailoverKind, Phase
from recovery.inventory.facts import Durability, ReplicaState, Role, StandbyLoss, Verdict
from tests.decisions.failover.build import (
    ENDED,
    LEASE_PROOF,
    POLICY,
    RENEWED,
    WRITTEN,
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
    watch,
)

SOON = ENDED - 1.0
NOW = RENEWED + 0.2


def test_in_good_health_nothing_is_done() -> None:
    assert decide(facts(), NOW) == Wait("Nothing to do.")


def test_a_failover_begins_shortly_before_the_lease_ends() -> None:
    assert decide(facts(), ENDED - 1.6) == Wait("Nothing to do.")
    step = decide(lost())
    assert isinstance(step, Step)
    assert (step.act, step.kind) == (Act.BEGIN, FailoverKind.FAILOVER)


def test_a_lost_host_begins_it_at_once_and_the_lease_is_still_waited_for() -> None:
    gone = primary(age=2.0, verdict=Verdict.LOST)
    assert act(decide(lost(gone, standby()), NOW)) is Act.BEGIN
    waiting = decide(lost(gone, standby(), failover=failover(asked=(answered(),))), NOW)
    assert waiting.reason == "Its lease ends in 5.8 s."


def test_the_standby_is_asked_before_anything_is_revoked() -> None:
    step = decide(lost(failover=failover()), ENDED + 1)
    assert isinstance(step, Step)
    assert (step.act, step.replica) == (Act.ASK, "b")
    stale = lost(failover=failover(asked=(answered(age=3.5),)))
    assert act(decide(stale, ENDED + 1)) is Act.ASK
    asking = lost(failover=failover(orders=(order("ask", "b", "handed"),)))
    assert isinstance(decide(asking, ENDED + 1), Wait)


def test_a_live_promise_means_no_failover_but_an_alarm_that_we_are_blind() -> None:
    kept = lost(primary(age=6.5), standby(promised_for=4.0))
    answer = decide(kept)
    assert isinstance(answer, Wait)
    assert answer.alarm == "cp-blind"
    begun = lost(failover=failover(asked=(answered(promised_for=4.0),)))
    assert act(decide(begun, ENDED + 1)) is Act.ABANDON
    over = lost(failover=failover(asked=(answered(promised_for=0.2),)))
    assert act(decide(over, ENDED + 1)) is Act.REVOKE


def test_the_end_of_the_lease_is_the_proof_and_revokes() -> None:
    ready = lost(failover=failover(asked=(answered(),)))
    assert isinstance(decide(ready, ENDED - 0.01), Wait)
    step = decide(ready, ENDED)
    assert isinstance(step, Step)
    assert (step.act, step.to) == (Act.REVOKE, Phase.FENCE)
    assert step.proof is not None
    assert (step.proof.kind, step.proof.sequence) == (ProofKind.LEASE_ENDED, 40)


def test_a_primary_that_renews_again_ends_the_failover_and_nothing_has_changed() -> None:
    step = decide(facts(failover=failover()), NOW)
    assert act(step) is Act.ABANDON


def test_without_a_candidate_nothing_is_revoked_and_a_person_is_asked() -> None:
    alone = lost(primary(age=6.5), standby(server="down"), failover=failover())
    answer = decide(alone, ENDED + 5)
    assert isinstance(answer, Ask)
    assert answer.alarm == "no-candidate"
    assert "orders-2: its server is down." in answer.reason


def test_from_the_proof_to_the_promotion() -> None:
    at = failover(Phase.FENCE, new_epoch=4, proof=LEASE_PROOF, asked=(answered(),))
    assert decide(lost(failover=at), ENDED) == Step(Act.ADVANCE, LEASE_PROOF.said, Phase.ELECT)
    step = decide(lost(failover=replace(at, phase=Phase.ELECT)), ENDED)
    assert isinstance(step, Step)
    assert (step.act, step.replica, step.degraded) == (Act.CHOOSE, "b", True)
    chosen = replace(at, phase=Phase.PROMOTE, target="b")
    assert act(decide(lost(failover=chosen), ENDED)) is Act.PROMOTE
    ordered = replace(chosen, orders=(order("promote", "b", "handed"),))
    assert isinstance(decide(lost(failover=ordered), ENDED), Wait)


def promoted(phase: Phase, **changes: Any) -> Facts:
    leader = standby(role=Role.PRIMARY, epoch=4, is_writable=True, timeline=2)
    at = failover(phase, new_epoch=4, target="b", proof=LEASE_PROOF, phase_age=1.0)
    settled = phase not in (Phase.PROMOTE, Phase.REPOINT)
    after = database(epoch=4, primary="b", is_degraded=True) if settled else database(epoch=4)
    known = facts(
        primary(age=60, role=Role.OUT), leader, database=after, lease=None, failover=at,
        protected_for=0.0,
    )  # fmt: skip
    return replace(known, **changes)


def test_from_the_promotion_to_redundancy() -> None:
    assert decide(promoted(Phase.PROMOTE)).reason == "orders-2 leads at epoch 4."
    assert act(decide(promoted(Phase.REPOINT))) is Act.REPOINT
    assert act(decide(promoted(Phase.REDIRECT))) is Act.REDIRECT
    assert act(decide(promoted(Phase.REDIRECT, routed_epoch=4))) is Act.ADVANCE
    assert isinstance(decide(promoted(Phase.VERIFY)), Wait)
    written = promoted(Phase.VERIFY, written_epoch=4, written_age=0.2)
    assert decide(written).reason == "A write through the users' path was acknowledged."
    assert isinstance(decide(promoted(Phase.REBUILD)), Wait)


def test_a_new_primary_whose_server_falls_before_its_first_write_is_started_again() -> None:
    known = promoted(Phase.VERIFY)
    fell = replace(known, replicas=(known.replicas[0], replace(known.replicas[1], server="down")))
    assert act(decide(fell)) is Act.RESTART
    assert fell.failover is not None
    ordered = replace(fell.failover, orders=(order("restart", "b", "handed"),))
    assert isinstance(decide(replace(fell, failover=ordered)), Wait)
    failed = replace(fell.failover, orders=(order("restart", "b", "failed", age=600.0),))
    assert act(decide(replace(fell, failover=failed))) is Act.RESTART


def test_the_old_primary_rejoins_and_then_the_failover_is_over() -> None:
    known = promoted(Phase.REBUILD)
    back = replace(known, replicas=(primary(age=0.5, role=Role.OUT), known.replicas[1]))
    assert act(decide(back)) is Act.REJOIN
    assert act(decide(replace(back, protected_for=4.0))) is Act.RESTORE
    whole = replace(back, protected_for=4.0, database=database(epoch=4, primary="b"))
    assert act(decide(whole)) is Act.FINISH


def test_rows_that_only_the_old_primary_has_are_kept_by_it_and_told_at_the_end() -> None:
    known = promoted(Phase.REBUILD)
    back = primary(age=0.5, role=Role.OUT, alone="12 transactions after 0/5000")
    known = replace(known, replicas=(back, known.replicas[1]))
    assert act(decide(known)) is Act.REJOIN
    follows = replace(back, role=Role.STANDBY)
    whole = replace(
        known,
        replicas=(follows, known.replicas[1]),
        protected_for=4.0,
        database=database(epoch=4, primary="b"),
    )
    answer = decide(whole)
    assert act(answer) is Act.FINISH
    assert "12 transactions" in answer.reason


def test_what_is_set_apart_does_not_rejoin_before_people_decided() -> None:
    known = promoted(Phase.REBUILD)
    apart = primary(age=0.5, role=Role.OUT, state=ReplicaState.QUARANTINED)
    there = replace(known, replicas=(apart, known.replicas[1]))
    said = "orders-1 is set apart until people decide about what it holds."
    assert decide(there) == Wait(said)
    over = replace(there, failover=None, database=database(epoch=4, primary="b"))
    assert act(decide(over)) is not Act.REJOIN, "nor once its failover is over"
    member = replace(apart, state=ReplicaState.MEMBER)
    assert act(decide(replace(over, replicas=(member, known.replicas[1])))) is Act.REJOIN


def test_a_failover_into_another_datacenter_is_over_once_the_old_one_follows() -> None:
    known = promoted(Phase.REBUILD)
    follows = Standby("a", WRITTEN, is_streaming=True, is_synchronous=False)
    there = replace(known.replicas[1], datacenter="MRS", standbys=(follows,))
    back = primary(age=0.5, role=Role.STANDBY, is_writable=False)
    answer = decide(replace(known, replicas=(back, there)))
    assert act(answer) is Act.FINISH
    assert answer.reason == "orders-1 follows from OSU; nobody here could take over."
    assert act(decide(replace(known, replicas=(back, replace(there, standbys=()))))) is Act.REJOIN
    near = replace(there, datacenter="OSU")
    assert act(decide(replace(known, replicas=(back, near)))) is not Act.FINISH
    apart = replace(back, state=ReplicaState.QUARANTINED)
    assert isinstance(decide(replace(known, replicas=(apart, there))), Wait)


def test_a_rejoin_that_failed_asks_a_person_and_is_tried_again() -> None:
    known = promoted(Phase.REBUILD)
    known = replace(known, replicas=(primary(age=0.5, role=Role.OUT), known.replicas[1]))
    at = known.failover
    assert at is not None

    def failed(age: float) -> Answer:
        orders = (order("rejoin", "a", "failed", detail="no room", age=age),)
        return decide(replace(known, failover=replace(at, orders=orders)))

    assert isinstance(failed(5.0), Ask)
    assert "no room" in failed(5.0).reason
    assert act(failed(61.0)) is Act.REJOIN


@pytest.mark.parametrize("phase", [None, Phase.ANALYSE])
def test_blind_or_paused_means_hands_off(phase: Phase | None) -> None:
    at = failover(phase, asked=(answered(),)) if phase else None
    blind = lost(failover=at, around=Around(blind=("All agents went silent at once.",)))
    assert isinstance(decide(blind, ENDED + 1), Wait)
    paused = lost(failover=at, around=Around(paused="works on the network"))
    assert isinstance(decide(paused, ENDED + 1), Ask)


def test_a_second_failover_within_the_hour_asks_unless_acknowledged() -> None:
    answer = decide(lost(database=database(blocked_for=1800.0)), ENDED)
    assert isinstance(answer, Ask)
    assert "30 min" in answer.reason


def test_in_a_storm_synchronous_databases_go_on_and_asynchronous_ones_ask() -> None:
    storm = Around(storm="12 hosts within 120 s.", vantage_seen=3, vantage_tried=3)
    assert act(decide(lost(around=storm))) is Act.BEGIN
    loose = database(durability=Durability.ASYNCHRONOUS)
    assert isinstance(decide(lost(around=storm, database=loose)), Ask)
    half = replace(storm, vantage_seen=1)
    assert isinstance(decide(lost(around=half)), Ask)


def test_others_may_go_first() -> None:
    at = failover(asked=(answered(),))
    known = lost(failover=at, around=Around(turn="20 failovers are under way."))
    assert isinstance(decide(known, ENDED), Wait)


@pytest.mark.parametrize(
    "proof",
    [
        Proof(ProofKind.POWERED_OFF, "a", 3, "The provider cut its power.", receipt="op-9"),
        Proof(
            ProofKind.VOUCHED,
            "a",
            3,
            "Two vouch.",
            people=("ann", "bob"),
            typed="orders",
            after=1.0,
        ),
    ],
    ids=lambda proof: proof.kind,
)
def test_a_power_off_or_two_people_need_not_wait_for_the_lease(proof: Proof) -> None:
    known = lost(
        primary(age=3.0, verdict=Verdict.LOST), standby(),
        failover=failover(asked=(answered(),)), proofs=(proof,),
    )  # fmt: skip
    step = decide(known, NOW)
    assert isinstance(step, Step)
    assert (step.act, step.proof) == (Act.REVOKE, proof)


def test_a_switchover_hands_over_without_loss() -> None:
    at = failover(kind=FailoverKind.SWITCHOVER, wanted="b")
    assert act(decide(facts(failover=at), NOW)) is Act.REVOKE
    fencing = replace(at, phase=Phase.FENCE, new_epoch=4)
    assert act(decide(facts(failover=fencing), NOW)) is Act.FENCE
    closed = replace(fencing, orders=(order("fence", "a", "done", position=5010),))
    assert isinstance(decide(facts(failover=closed), NOW), Wait)
    caught_up = facts(primary(), standby(position=5010), failover=closed)
    step = decide(caught_up, NOW)
    assert isinstance(step, Step)
    assert step.proof is not None
    assert step.proof.kind is ProofKind.HANDED_OVER


def test_a_switchover_that_does_not_get_through_gives_the_writes_back() -> None:
    at = failover(Phase.FENCE, kind=FailoverKind.SWITCHOVER, wanted="b", new_epoch=4)
    refused = replace(at, orders=(order("fence", "a", "refused", detail="no gate"),))
    assert act(decide(facts(failover=refused), NOW)) is Act.GIVE_BACK
    late = replace(at, orders=(order("fence", "a", "done", position=9000),), phase_age=6.0)
    assert act(decide(facts(failover=late), NOW)) is Act.GIVE_BACK


def test_two_at_once_and_a_switchover_in_mid_failover_are_refused() -> None:
    busy = facts(failover=failover(Phase.PROMOTE))
    assert refuse_begin(busy) == "A failover of orders is under way, in phase promote."
    assert "has to wait" in refuse_switchover(busy, POLICY, NOW, target="b")
    assert refuse_begin(facts(failover=failover(Phase.DONE))) == ""
    assert refuse_switchover(facts(), POLICY, NOW, target="b") == ""
    assert "orders-2: its server is down." in refuse_switchover(
        facts(primary(), standby(server="down")), POLICY, NOW, target="b"
    )
    assert "failover, not of switchover" in refuse_switchover(lost(), POLICY, SOON, target="b")


def test_a_standby_that_is_gone_for_ten_seconds_is_recorded_before_writes_go_on() -> None:
    assert isinstance(decide(facts(unprotected_for=9.9), NOW), Wait)
    assert act(decide(facts(unprotected_for=10.0), NOW)) is Act.DEGRADE
    blocking = database(standby_loss=StandbyLoss.BLOCK)
    answer = decide(facts(unprotected_for=10.0, database=blocking), NOW)
    assert isinstance(answer, Wait)
    assert answer.alarm == "unprotected"
    blind = facts(unprotected_for=10.0, around=Around(blind=("No digest.",)))
    assert isinstance(decide(blind, NOW), Wait)


def test_a_degraded_database_is_restored_when_its_standby_has_everything() -> None:
    degraded = facts(database=database(is_degraded=True), lease=None, protected_for=1.0)
    assert isinstance(decide(degraded, NOW), Wait)
    assert act(decide(replace(degraded, protected_for=3.0), NOW)) is Act.RESTORE


def test_a_lease_that_was_never_used_ends_in_nothing_but_a_question() -> None:
    gone = primary(age=9.0, verdict=Verdict.LOST)
    known = facts(gone, standby(), lease=watch(sequence=0), failover=failover(asked=(answered(),)))
    answer = decide(known, ENDED + 100)
    assert isinstance(answer, Ask)
    assert answer.alarm == "no-proof"
