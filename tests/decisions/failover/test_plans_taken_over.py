"""A failover that a recovery plan takes over: its proof, its people, its epoch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from recovery.failover.authority import Authority
from recovery.failover.facts import (
    Act,
    Answer,
    Ask,
    Asked,
    Proof,
    ProofKind,
    ReplicaSight,
    Step,
    Wait,
)
from recovery.failover.phases import FailoverKind, Phase
from recovery.inventory.facts import Durability, Verdict
from tests.decisions.failover.build import (
    ENDED,
    LEASE_PROOF,
    WRITTEN,
    act,
    answered,
    database,
    decide,
    failover,
    lost,
    order,
    primary,
    standby,
    watch,
)
from tests.decisions.failover.test_plans import (
    HERE,
    PEOPLE,
    PLAN,
    SEEN,
    copy,
    gone,
)


@pytest.mark.parametrize("phase", [Phase.FENCE, Phase.ELECT])
def test_a_proof_that_was_found_before_a_plan_took_it_over_is_asked_about_once_more(
    phase: Phase,
) -> None:
    """At home only its candidate was asked; its primary may go on by another standby's promise."""
    silent = primary(age=20.0, verdict=Verdict.LOST, standbys=SEEN)
    facts = replace(gone(), replicas=(silent, standby(age=0.5), copy()))
    home = replace(HERE, phase=phase, new_epoch=4, proof=LEASE_PROOF)
    copys = answered(replica="c")

    def after(*asked: Asked, mates: tuple[ReplicaSight, ...] = (), **changes: Any) -> Answer:
        there = replace(facts, replicas=(silent, *mates, copy())) if mates else facts
        one = replace(home, asked=asked, **changes)
        answer = decide(replace(there, failover=one), ENDED)
        if phase is Phase.FENCE:
            assert isinstance(answer, Step)
            assert answer.to is Phase.ELECT
            one = replace(one, phase=Phase.ELECT)
            answer = decide(replace(there, failover=one), ENDED)
        return answer

    step = after(copys, answered())
    assert isinstance(step, Step)
    assert (step.act, step.replica, step.take_over) == (Act.ASK, "b", True)
    waits = after(copys, answered(promised_for=8.0, seen_for=0.5, took_over=True))
    assert isinstance(waits, Wait)
    assert "orders-2 promised its primary 7.5 s more. That is waited out." in waits.reason
    assert act(after(copys, answered(took_over=True))) is Act.CHOOSE
    cut = (standby(age=20.0, verdict=Verdict.LOST),)
    step = after(copys, mates=cut)
    assert isinstance(step, Step)
    assert step.act is Act.CHOOSE, "two people were shown its name"
    said = "that they did not is on the word of amelie and bruno, who were shown it."
    assert step.reason.count(said) == 1
    stored = replace(
        LEASE_PROOF, said=f"It ended. {step.reason[step.reason.index('orders-2, ') :]}"
    )
    assert said not in after(copys, mates=cut, proof=stored).reason, "its proof says so already"
    asks = after(copys, mates=cut, authority=replace(PLAN, named=frozenset()))
    assert isinstance(asks, Ask)
    assert "nobody who approved the plan was shown that" in asks.reason
    alone = after(copys, answered(), authority=None)
    assert not (isinstance(alone, Step) and alone.take_over), "at home its candidate refuses"


def test_a_doubt_keeps_no_writes_from_an_old_primary_that_lives() -> None:
    cut = standby(replica="b", age=20.0, verdict=Verdict.LOST)
    at = replace(HERE, phase=Phase.ELECT, new_epoch=4, proof=LEASE_PROOF)
    unnamed = replace(at, authority=replace(PLAN, named=frozenset()))
    facts = replace(gone(failover=unnamed), replicas=(primary(), cut, copy(server="down")))
    assert act(decide(facts, ENDED)) is Act.GIVE_BACK


def test_nothing_is_taken_over_where_nobody_could_lead_or_more_would_be_lost() -> None:
    """It may go on by its standby's promises: an election that is refused takes none of them."""
    mate = standby(promised_for=8.0, age=0.5)
    seen = (SEEN[0], replace(SEEN[1], position=WRITTEN - 900))
    old = primary(age=20.0, verdict=Verdict.LOST, standbys=seen)
    far = copy(position=WRITTEN - 900, lag=60.0)
    asked = replace(HERE, asked=(answered(replica="c"),))
    facts = replace(gone(failover=asked), replicas=(old, mate, far))
    facts = replace(facts, database=database(durability=Durability.ASYNCHRONOUS))
    assert act(decide(facts, ENDED)) is Act.ABANDON
    sick = replace(facts, replicas=(old, mate, copy(server="down")))
    assert isinstance(decide(sick, ENDED), Ask)
    unnamed = replace(asked, authority=replace(PLAN, named=frozenset()))
    silent = standby(replica="d", name="orders-4", age=20.0, verdict=Verdict.LOST)
    risky = replace(
        gone(failover=unnamed),
        replicas=(primary(age=20.0, verdict=Verdict.LOST, standbys=SEEN), mate, copy(), silent),
    )
    assert isinstance(decide(risky, ENDED), Ask)


def test_what_was_begun_in_another_epoch_is_looked_at_anew() -> None:
    facts = gone(failover=replace(HERE, asked=(answered(replica="c"),)), database=database(epoch=4))
    assert act(decide(facts, ENDED)) is Act.ABANDON


def test_a_planned_hand_over_goes_to_the_copy_that_the_plan_names() -> None:
    planned = failover(kind=FailoverKind.SWITCHOVER, wanted="c", authority=PLAN)
    facts = lost(primary(standbys=SEEN), standby(), copy(), failover=planned)
    assert act(decide(facts, ENDED - 5.0)) is Act.REVOKE
    unplanned = replace(facts, failover=replace(planned, authority=None))
    assert act(decide(unplanned, ENDED - 5.0)) is Act.ABANDON


@pytest.mark.parametrize("authority", [None, replace(PLAN, people=("amelie", "chloe"))])
def test_the_word_of_people_outlives_neither_their_plan_nor_themselves(
    authority: Authority | None,
) -> None:
    """Else it is found out after somebody was chosen, when nothing leads back."""
    word = Proof(ProofKind.APPROVED, "a", 3, "On their word.", people=PEOPLE, act=PLAN.act)
    at = failover(Phase.ELECT, authority=authority, proof=word, new_epoch=4)
    facts = gone(failover=at, lease=None)
    step = decide(facts, ENDED)
    assert isinstance(step, Step)
    assert (step.act, step.to) == (Act.DISPROVE, Phase.FENCE)
    others = replace(word, said="On other word.", people=("amelie", "chloe"))
    there = replace(at, phase=Phase.FENCE, proof=None)
    after = decide(replace(facts, failover=there, proofs=(others,)), ENDED)
    if authority is None:
        assert isinstance(after, Ask), "nobody of a plan stands for it"
    else:
        assert isinstance(after, Step)
        assert after.proof == others
    held = replace(facts, failover=replace(at, authority=PLAN))
    assert act(decide(held, ENDED)) is Act.CHOOSE


def test_two_people_vouch_for_what_the_proof_of_a_failover_leaves_open_to_a_plan() -> None:
    unnamed = replace(PLAN, named=frozenset())
    at = failover(Phase.ELECT, authority=unnamed, proof=LEASE_PROOF, new_epoch=4)
    facts = gone(failover=at, lease=watch(revoked=True))
    assert isinstance(decide(facts, ENDED), Ask)
    word = Proof(ProofKind.VOUCHED, "a", 3, "They vouch.", people=PEOPLE, typed="orders", after=9.0)
    step = decide(replace(facts, proofs=(word,)), ENDED)
    assert isinstance(step, Step)
    assert (step.act, step.to) == (Act.DISPROVE, Phase.FENCE)
    there = replace(at, phase=Phase.FENCE, proof=None)
    step = decide(replace(facts, proofs=(word,), failover=there), ENDED)
    assert isinstance(step, Step)
    assert (step.act, step.proof) == (Act.PROVE, word)
    assert act(decide(replace(facts, failover=replace(at, proof=word)), ENDED)) is Act.CHOOSE


def test_a_proof_that_does_not_hold_chooses_nobody() -> None:
    wrong = replace(LEASE_PROOF, epoch=2)
    asks = decide(gone(failover=replace(HERE, phase=Phase.ELECT, proof=wrong)), ENDED)
    assert isinstance(asks, Ask)
    assert asks.reason == "The proof is about epoch 2, not about epoch 3."


def test_what_a_standby_promised_its_primary_is_ended_and_waited_out() -> None:
    """B6: the primary may go on by it, unseen by us."""
    mate = standby(promised_for=8.0, age=0.5)
    old = primary(age=20.0, verdict=Verdict.LOST, standbys=SEEN)
    facts = replace(gone(), replicas=(old, mate, copy()))
    assert act(decide(replace(facts, failover=failover()), ENDED)) is Act.ABANDON
    copys = answered(replica="c")

    def after(*asked: Asked, now: float = ENDED, **changes: Any) -> Answer:
        return decide(replace(facts, failover=replace(HERE, asked=asked, **changes)), now)

    step = after()
    assert isinstance(step, Step)
    assert (step.replica, step.take_over) == ("c", False), "first whether anybody could lead"
    assert isinstance(after(copys, now=ENDED - 1.0), Wait), "its lease may still be renewed"
    step = after(copys)
    assert isinstance(step, Step)
    assert (step.act, step.replica, step.take_over) == (Act.ASK, "b", True)
    asking = order("ask", "b", "handed", age=0.1, take_over=True)
    assert isinstance(after(copys, orders=(asking,)), Wait)
    closed = answered(promised_for=8.0, seen_for=0.5, took_over=True)
    waits = after(copys, closed)
    assert isinstance(waits, Wait)
    assert "orders-2 promised its primary 7.5 s more. That is waited out." in waits.reason
    quiet = replace(facts, replicas=(old, replace(mate, promised_for=0.0), copy()))
    open_ = replace(HERE, asked=(copys, answered()))
    step = decide(replace(quiet, failover=open_), ENDED)
    assert isinstance(step, Step)
    assert step.take_over, "who promises nothing now may do so in a moment"
    over = replace(HERE, asked=(copys, answered(took_over=True, promised_for=0.2, seen_for=0.3)))
    step = decide(replace(quiet, failover=over), ENDED)
    assert isinstance(step, Step)
    assert step.act is Act.REVOKE
    assert step.proof is not None
    assert "unheard" not in step.proof.said


def test_the_word_of_another_act_proves_nothing_for_this_one() -> None:
    """The same people, the same primary and epoch; a run before, or a step that was tried again."""
    earlier = Proof(ProofKind.APPROVED, "a", 3, "Before.", people=PEOPLE, act="q/promote/db/1")
    at = failover(Phase.ELECT, authority=PLAN, proof=earlier, new_epoch=4)
    step = decide(gone(failover=at, lease=None), ENDED)
    assert isinstance(step, Step)
    assert (step.act, step.to) == (Act.DISPROVE, Phase.FENCE)
    assert "another act" in step.reason


def test_nobody_is_ordered_to_lead_on_a_word_that_was_taken_back() -> None:
    """The plan was called off after somebody was chosen: another proof is looked for."""
    word = Proof(ProofKind.APPROVED, "a", 3, "On their word.", people=PEOPLE, act=PLAN.act)
    at = failover(Phase.PROMOTE, proof=word, new_epoch=4, target="c")
    assert act(decide(gone(failover=replace(at, authority=PLAN), lease=None), ENDED)) is Act.PROMOTE
    refused = replace(at, attempts=1, orders=(order("promote", "c", "refused"),))
    asked = replace(refused, asked=(answered(replica="c", age=0.2),))
    for one in (at, asked):
        step = decide(gone(failover=one, lease=None), ENDED)
        assert isinstance(step, Step)
        assert (step.act, step.to, step.replica) == (Act.CHOOSE_AGAIN, Phase.ELECT, "c")
    lost_sight = replace(at, orders=(order("promote", "c", "unknown", age=99.0),))
    assert isinstance(decide(gone(failover=lost_sight, lease=None), ENDED), Ask), "it may lead"
