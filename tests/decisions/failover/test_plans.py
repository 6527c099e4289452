"""What the authority of a recovery plan changes in a failover, and what it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from recovery.failover.authority import Authority
from recovery.failover.elect import WORSE, elect
from recovery.failover.facts import (
    Act,
    Answer,
    Around,
    Ask,
    Facts,
    Proof,
    ProofKind,
    ReplicaSight,
    Standby,
    Step,
    Wait,
)
from recovery.failover.phases import FailoverKind, Phase
from recovery.failover.proofs import refuse_proof
from recovery.inventory.facts import Durability, Verdict
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
    failover,
    lost,
    primary,
    standby,
    watch,
)

PEOPLE = ("amelie", "bruno")
NAMED = frozenset({"a", "b"})
PLAN = Authority("r/promote/database:db/1", "DRP-0001, step promote,", "MRS", 0.0, PEOPLE, NAMED)
HERE = failover(authority=PLAN)
SEEN = (
    Standby("b", WRITTEN, is_streaming=True, is_synchronous=True),
    Standby("c", WRITTEN, is_streaming=True, is_synchronous=False),
)


def copy(**changes: Any) -> ReplicaSight:
    """In the datacenter that takes over; by itself it is never promoted."""
    plain = standby(
        replica="c",
        name="orders-3",
        host="host-c",
        datacenter="MRS",
        domains=frozenset({"MRS/r1"}),
        may_be_promoted=False,
    )
    return replace(plain, **changes)


def gone(*copies: ReplicaSight, **changes: Any) -> Facts:
    """The datacenter of both is silent."""
    old = primary(age=20.0, verdict=Verdict.LOST, standbys=SEEN)
    mate = standby(age=20.0, verdict=Verdict.LOST)
    plain = {"failover": HERE, "database": database(failing_domains=frozenset({"OSU"}))}
    return lost(old, mate, *(copies or (copy(),)), **(plain | changes))


def chosen(facts: Facts) -> str:
    source = facts.replica("a")
    assert source is not None
    found = elect(facts, POLICY, ENDED, source=source)
    return found.chosen or found.reason


def test_without_a_plan_nobody_is_promoted_across_datacenters() -> None:
    said = chosen(gone(failover=failover()))
    assert "orders-3: it is kept as a copy and is never promoted." in said
    said = chosen(gone(copy(may_be_promoted=True), failover=failover()))
    assert "never across datacenters outside the disaster recovery plan" in said


def test_a_plan_promotes_the_copy_that_it_names_and_quotes_it_as_what_it_is() -> None:
    facts = gone()
    assert chosen(facts) == "c"
    source = facts.replica("a")
    assert source is not None
    quote = elect(facts, POLICY, ENDED, source=source).quote
    assert quote is not None
    assert "most likely nothing is lost" in quote.said, "no acknowledged write waited for it"


def handed_over(**changes: Any) -> Facts:
    """A planned switchover into MRS; its server ended with its gate, and names nobody any more."""
    proof = Proof(ProofKind.HANDED_OVER, "a", 3, "It handed over.", position=WRITTEN)
    at = failover(
        Phase.ELECT, kind=FailoverKind.SWITCHOVER, wanted="c", proof=proof, authority=PLAN
    )
    ended = primary(server="down", is_writable=False, standbys=())
    return lost(ended, standby(), copy(), failover=replace(at, **changes))


def test_to_whom_it_handed_over_leads_although_its_server_ended_with_its_gate() -> None:
    assert chosen(handed_over()) == "c", "that it holds everything is the proof itself"
    other = chosen(handed_over(wanted="b"))
    assert "orders-3: it did not follow its primary at the moment of loss." in other
    unproven = handed_over(proof=replace(LEASE_PROOF, position=WRITTEN))
    assert "it did not follow its primary at the moment of loss." in chosen(unproven)
    short = Proof(ProofKind.HANDED_OVER, "a", 3, "It handed over.", position=WRITTEN + 1)
    assert "it did not follow its primary" in chosen(handed_over(proof=short))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"datacenter": "PAR"}, "it stands in PAR; DRP-0001, step promote, names MRS."),
        ({"verdict": Verdict.LOST}, "its host is lost."),
        ({"age": 9.0}, "no word from its agent for 9 s."),
        ({"server": "down"}, "its server is down."),
        ({"timeline": 2}, "its history forked"),
        ({"system": "8"}, "it is a copy of another database"),
        ({"replica": "x"}, "it did not follow its primary at the moment of loss."),
        ({"position": WRITTEN - 1}, "it lost data."),
        ({"position": 1 << 40}, "nobody writes so fast"),
        ({"free_bytes": 1}, "its disk is full"),
    ],
)
def test_every_other_rule_of_a_failover_stays(changes: dict[str, Any], said: str) -> None:
    assert said in chosen(gone(copy(**changes)))


def test_a_copy_that_was_well_for_a_moment_leads_where_people_approved_what_is_lost_with_it() -> (
    None
):
    """It would never be well for longer: its primary is gone."""
    assert chosen(gone(copy(healthy_for=1.0))) == "c"
    alone = lost(primary(age=20.0), standby(healthy_for=1.0))
    assert "it has been well for 1 s, not for 60 s." in chosen(alone)


@pytest.mark.parametrize(
    ("lag", "approved", "works"),
    [(4.0, 0.0, True), (6.0, 0.0, False), (40.0, 36.0, True), (42.0, 36.0, False)],
)
def test_more_than_five_seconds_beyond_what_was_approved_is_not_promoted(
    lag: float, approved: float, *, works: bool
) -> None:
    seen = (SEEN[0], replace(SEEN[1], position=WRITTEN - 900))
    old = primary(age=20.0, verdict=Verdict.LOST, standbys=seen)
    facts = gone(
        failover=failover(authority=replace(PLAN, loss=approved)),
        database=database(durability=Durability.ASYNCHRONOUS),
    )
    silence = ENDED - RENEWED - copy().age
    facts = replace(facts, replicas=(old, copy(position=WRITTEN - 900, lag=lag + silence)))
    said = chosen(facts)
    assert (said == "c") is works, said
    if not works:
        assert said.startswith(WORSE)
        answer = decide(facts, ENDED)
        assert (act(answer), answer.reason) == (Act.ABANDON, said), "nothing was revoked"
        later = replace(HERE, phase=Phase.ELECT, new_epoch=4, proof=LEASE_PROOF)
        later = replace(later, authority=replace(PLAN, loss=approved))
        waits = decide(replace(facts, failover=later), ENDED)
        assert isinstance(waits, Ask)
        assert waits.reason.startswith(WORSE)


def test_a_lag_that_is_counted_on_after_the_end_is_no_loss_of_that_time() -> None:
    seen = (SEEN[0], replace(SEEN[1], position=WRITTEN - 900))
    old = primary(age=20.0, verdict=Verdict.LOST, standbys=seen)
    for age in (0.5, 600.0, 1400.0):
        there = replace(gone(lease=None), replicas=(replace(old, age=age + 20.0), copy(
            position=WRITTEN - 900, lag=age + 22.5)))  # fmt: skip
        source = there.replica("a")
        assert source is not None
        quote = elect(there, POLICY, ENDED, source=source).quote
        assert quote is not None
        assert quote.seconds == pytest.approx(3.0)


def test_nothing_is_revoked_while_the_old_lease_lives() -> None:
    heard = replace(HERE, asked=(answered(replica="c"),))
    facts = gone(failover=heard)
    waits = decide(facts, ENDED - 1.0)
    assert isinstance(waits, Wait)
    assert waits.reason.startswith("Its lease ends in 1.0 s")
    step = decide(facts, ENDED)
    assert isinstance(step, Step)
    assert step.act is Act.REVOKE
    assert step.proof is not None
    assert step.proof.kind is ProofKind.LEASE_ENDED
    said = "orders-2, unheard, may have prolonged it unseen: that they did not is on the word of"
    assert f"{said} amelie and bruno, who were shown it." in step.proof.said


@pytest.mark.parametrize("phase", [Phase.ANALYSE, Phase.FENCE])
def test_who_may_have_prolonged_a_lease_unseen_is_answered_for_by_name_or_said_to_be_gone(
    phase: Phase,
) -> None:
    def after(**changes: Any) -> Answer:
        plan = replace(PLAN, **changes)
        new_epoch = 4 if phase is Phase.FENCE else 0
        one = failover(phase, authority=plan, asked=(answered(replica="c"),), new_epoch=new_epoch)
        return decide(gone(failover=one, lease=watch(revoked=phase is Phase.FENCE)), ENDED)

    proven = Act.REVOKE if phase is Phase.ANALYSE else Act.PROVE
    assert act(after()) is proven
    asks = after(people=("amelie",))
    assert isinstance(asks, Ask), "one who broke glass does not stand for it alone"
    assert "the word of one person: a second one vouches" in asks.reason
    asks = after(named=frozenset({"x"}))
    assert isinstance(asks, Ask)
    said = (
        "orders-2, unheard, may have prolonged its lease unseen, and nobody who approved the plan"
    )
    assert said in asks.reason
    step = after(named=frozenset(), people=(), gone=frozenset({"b"}))
    assert isinstance(step, Step)
    assert step.act is proven
    assert step.proof is not None
    assert "unheard" not in step.proof.said, "nobody has to answer for who is gone"


def test_where_no_lease_could_end_two_people_of_the_plan_are_the_proof() -> None:
    offered = Proof(ProofKind.APPROVED, "a", 3, "On their word.", people=PEOPLE, act=PLAN.act)
    facts = gone(
        failover=replace(HERE, asked=(answered(replica="c"),)),
        lease=None,
        proofs=(offered,),
    )
    step = decide(facts, ENDED)
    assert isinstance(step, Step)
    assert step.proof == offered
    alone = replace(PLAN, people=("amelie", "amelie"))
    said = refuse_proof(offered, facts, failover(authority=alone))
    assert said == "Two different people have to have agreed to a recovery plan."
    assert "Two different people" in refuse_proof(offered, facts, failover())
    unseen = failover(authority=replace(PLAN, named=frozenset({"b"})))
    assert "was shown that it lives by no lease" in refuse_proof(offered, facts, unseen)
    with_lease = replace(facts, lease=watch())
    assert "its end is the proof" in refuse_proof(offered, with_lease, HERE)


def test_a_pause_a_storm_and_the_hour_stop_no_plan_and_blindness_does() -> None:
    asked = (answered(replica="c"),)
    around = Around(paused="Frozen.", storm="All of OSU.", vantage_seen=0, vantage_tried=3)
    facts = gone(
        failover=replace(HERE, asked=asked), around=around, database=database(blocked_for=900.0)
    )
    assert act(decide(facts, ENDED)) is Act.REVOKE
    plain = replace(facts, failover=failover(asked=asked))
    assert isinstance(decide(plain, ENDED), Ask)
    blind = replace(facts, around=Around(blind=("We see nothing.",)))
    assert decide(blind, ENDED) == Wait("We are blind: We see nothing.", 1.0)
