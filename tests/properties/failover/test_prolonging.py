"""Whoever could have prolonged a lease: nobody is promoted over one that may live (B6, I-DB-1)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.failover.authority import Authority
from recovery.failover.facts import Act, Asked, Proof, ReplicaSight, Step
from recovery.failover.phases import Phase
from recovery.failover.proofs.prolonging import answered_for
from tests.decisions.failover.build import (
    ENDED,
    LEASE_PROOF,
    POLICY,
    answered,
    decide,
    facts,
    failover,
    primary,
    standby,
)

NAMES = "bde"
SOME = st.frozensets(st.sampled_from(NAMES))


@st.composite
def _mates(draw: st.DrawFn) -> ReplicaSight:
    name = draw(st.sampled_from(NAMES))
    return standby(
        replica=name,
        name=f"orders-{name}",
        age=draw(st.sampled_from([0.5, 2.9, 3.1, 60.0])),
        promised_for=draw(st.sampled_from([0.0, 0.4, 2.0, 6.0])),
        may_be_promoted=draw(st.booleans()),
    )


@st.composite
def _answers(draw: st.DrawFn) -> Asked:
    return answered(
        replica=draw(st.sampled_from(NAMES)),
        promised_for=draw(st.sampled_from([0.0, 1.0, 6.0])),
        took_over=draw(st.booleans()),
        seen_for=draw(st.sampled_from([0.0, 0.5, 2.0, 9.0])),
    )


def _may_live_by(one: ReplicaSight, answer: Asked | None) -> bool:
    """Told by nobody that it gives no more, or with a promise that is not over."""
    if answer is None or not answer.took_over:
        return True
    return answer.promised_for > answer.seen_for or one.promised_for > one.age


@settings(derandomize=True, max_examples=300)
@given(
    st.lists(_mates(), max_size=3, unique_by=lambda one: one.replica),
    st.lists(_answers(), max_size=3, unique_by=lambda one: one.replica),
    st.sampled_from([(), ("amelie",), ("amelie", "bruno")]),
    SOME,
    SOME,
)
def test_a_lease_is_called_ended_only_where_nobody_may_have_prolonged_it_unanswered_for(
    mates: list[ReplicaSight],
    answers: list[Asked],
    people: tuple[str, ...],
    named: frozenset[str],
    gone: frozenset[str],
) -> None:
    plan = Authority("r/p/x/1", "DRP-0001, step promote,", "MRS", 0.0, people, named, gone)
    here = failover(authority=plan, asked=tuple(answers))
    there = facts(primary(age=20.0), *mates, failover=here)
    found = answered_for(LEASE_PROOF, there, here, POLICY)
    told = {one.replica: one for one in answers}
    for one in mates:
        if not one.may_be_promoted or not _may_live_by(one, told.get(one.replica)):
            continue
        is_heard = one.age <= POLICY.heard_within
        answers_for = one.replica in named and len(set(people)) > 1
        closed = one.replica in told and told[one.replica].took_over
        if is_heard or closed or not (answers_for or one.replica in gone):
            assert not isinstance(found, Proof), (one, found)
    if isinstance(found, Step):
        assert found.act is Act.ASK
        silent = {one.replica for one in mates if one.may_be_promoted and one.age > 3.0}
        unclosed = {key for key in silent if not (key in told and told[key].took_over)}
        assert unclosed - gone <= named, "nothing is taken over while something else is in the way"


@settings(derandomize=True, max_examples=100)
@given(
    st.lists(_mates(), max_size=3, unique_by=lambda one: one.replica),
    st.lists(_answers(), max_size=3, unique_by=lambda one: one.replica),
    SOME,
    SOME,
)
def test_whoever_takes_a_failover_over_chooses_nobody_before_the_same_is_answered(
    mates: list[ReplicaSight], answers: list[Asked], named: frozenset[str], gone: frozenset[str]
) -> None:
    """Its proof was found at home, where its candidate alone was asked."""
    people = ("amelie", "bruno")
    plan = Authority("r/p/x/1", "DRP-0001, step promote,", "OSU", 0.0, people, named, gone)
    here = failover(
        Phase.ELECT, authority=plan, asked=tuple(answers), proof=LEASE_PROOF, new_epoch=4
    )
    there = facts(primary(age=20.0), *mates, failover=here)
    step = decide(there, ENDED)
    if isinstance(step, Step) and step.act is Act.CHOOSE:
        assert isinstance(answered_for(LEASE_PROOF, there, here, POLICY), Proof)


@settings(derandomize=True, max_examples=100)
@given(st.lists(_mates(), min_size=1, max_size=3, unique_by=lambda one: one.replica))
def test_without_a_plan_what_the_candidate_says_decides_as_before(
    mates: list[ReplicaSight],
) -> None:
    here = failover()
    there = facts(primary(age=20.0), *mates, failover=here)
    assert answered_for(LEASE_PROOF, there, here, POLICY) is LEASE_PROOF
    step = decide(replace(there, failover=here), ENDED)
    assert not (isinstance(step, Step) and step.take_over)
