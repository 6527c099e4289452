"""Whatever the facts: no promotion without exactly one valid proof (I-DB-4), nobody unsafe is
chosen (I-DB-6), and no second failover by itself within the hour (I-DB-8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recovery.failover.authority import Authority
from recovery.failover.decide import next_step
from recovery.failover.elect import elect
from recovery.failover.facts import (
    Act,
    Facts,
    Failover,
    Proof,
    ProofKind,
    ReplicaSight,
    Step,
)
from recovery.failover.phases import FailoverKind, Phase
from recovery.failover.proofs import refuse_promotion, refuse_proof
from recovery.inventory.facts import Durability, ReplicaState, Role, Verdict
from tests.decisions.failover.build import (
    ENDED,
    POLICY,
    WRITTEN,
    database,
    facts,
    failover,
    order,
    primary,
    standby,
)

PEOPLE = ("amelie", "bruno")
NAMED = frozenset({"a"})
PLAN = Authority("r/promote/database:db/1", "DRP-0001, step promote,", "OSU", 0.0, PEOPLE, NAMED)
WORDS = st.text("abcdefgh-", max_size=8)


def _proof(kind: ProofKind) -> Proof:
    """A valid one of each kind, about replica a in epoch 3 of orders."""
    more: dict[ProofKind, dict[str, Any]] = {
        ProofKind.LEASE_ENDED: {"sequence": 40},
        ProofKind.GATE_CLOSED: {"receipt": "op"},
        ProofKind.POWERED_OFF: {"receipt": "pdu"},
        ProofKind.VOUCHED: {"people": PEOPLE, "typed": "orders", "after": 0.0},
        ProofKind.HANDED_OVER: {"receipt": "op", "position": WRITTEN},
        ProofKind.APPROVED: {"people": PEOPLE, "act": PLAN.act},
    }
    return Proof(kind, "a", 3, "It is so.", **more[kind])


def _promoting(proof: Proof | None) -> tuple[Facts, Failover]:
    one = failover(Phase.PROMOTE, new_epoch=4, target="b", wanted="b", proof=proof)
    seen = facts(primary(age=6.5), standby(), failover=one)
    if proof is None or proof.kind is not ProofKind.APPROVED:
        return seen, one
    one = replace(one, authority=PLAN)
    return replace(seen, lease=None, failover=one), one


KINDS = st.sampled_from(list(ProofKind))


@given(KINDS)
def test_each_kind_of_proof_alone_is_enough(kind: ProofKind) -> None:
    seen, one = _promoting(_proof(kind))
    assert refuse_promotion(seen, one) == ""
    step = next_step(seen, POLICY, ENDED)
    assert isinstance(step, Step)
    assert (step.act, step.proof) == (Act.PROMOTE, one.proof)


@given(st.sampled_from([(), ("amelie",), ("amelie", "amelie"), ("amelie", "")]))
def test_a_plan_proves_nothing_without_two_people_nor_where_a_lease_lived(
    people: tuple[str, ...],
) -> None:
    seen, one = _promoting(_proof(ProofKind.APPROVED))
    assert refuse_promotion(replace(seen, lease=facts().lease), one)
    assert refuse_promotion(seen, replace(one, authority=None))
    assert refuse_promotion(seen, replace(one, authority=replace(PLAN, people=people)))
    assert refuse_promotion(seen, replace(one, authority=replace(PLAN, named=frozenset({"b"}))))


@given(
    KINDS,
    st.sampled_from(["b", "c", ""]),
    st.integers(0, 9).filter(lambda epoch: epoch != 3),
    st.data(),
)
def test_what_is_taken_from_a_proof_refuses_the_promotion(
    kind: ProofKind, other: str, epoch: int, data: st.DataObject
) -> None:
    """Its replica, its epoch, or the very thing that makes it a proof of its kind."""
    essence: dict[ProofKind, list[dict[str, Any]]] = {
        ProofKind.LEASE_ENDED: [{"sequence": 0}, {"sequence": -1}],
        ProofKind.GATE_CLOSED: [{"receipt": ""}],
        ProofKind.POWERED_OFF: [{"receipt": ""}],
        ProofKind.VOUCHED: [
            {"people": ()},
            {"people": ("amelie",)},
            {"people": ("amelie", "amelie")},
            {"people": ("amelie", "")},
            {"after": data.draw(st.floats(-1800.0, -0.001))},
            {"typed": data.draw(WORDS.filter(lambda word: word != "orders"))},
        ],
        ProofKind.HANDED_OVER: [
            {"receipt": ""},
            {"position": None},
            {"position": data.draw(st.integers(WRITTEN + 1, WRITTEN + 10**6))},
        ],
        ProofKind.APPROVED: [
            {"act": ""},
            {"act": "r/promote/database:db/2"},
            {"people": ()},
            {"people": ("amelie",)},
            {"people": ("amelie", "c")},
        ],
    }
    ways: list[dict[str, Any]] = [{"replica": other}, {"epoch": epoch}, *essence[kind]]
    broken = data.draw(st.sampled_from(ways))
    seen, one = _promoting(replace(_proof(kind), **broken))
    assert refuse_promotion(seen, one)
    step = next_step(seen, POLICY, ENDED)
    assert not isinstance(step, Step) or step.act is not Act.PROMOTE


@given(
    st.sampled_from([Phase.ANALYSE, Phase.FENCE, Phase.ELECT, Phase.PROMOTE]),
    st.sampled_from(list(FailoverKind)),
    st.one_of(st.none(), KINDS),
    st.one_of(st.none(), KINDS),
    st.integers(0, 5),
    st.floats(0.0, 30.0),
    st.sampled_from(["", "amelie"]),
    st.sampled_from(["", "handed", "done", "refused", "failed"]),
)
def test_no_facts_whatever_lead_to_a_promotion_without_its_one_proof(  # noqa: PLR0917 (drawn)
    phase: Phase,
    kind: FailoverKind,
    stored: ProofKind | None,
    offered: ProofKind | None,
    new_epoch: int,
    later: float,
    called_off: str,
    fenced: str,
) -> None:
    one = failover(
        phase,
        kind=kind,
        new_epoch=new_epoch,
        target="b" if phase is Phase.PROMOTE else "",
        wanted="b",
        proof=_proof(stored) if stored else None,
        called_off=called_off,
        orders=(order("fence", "a", fenced),) if fenced else (),
    )
    seen = facts(
        primary(age=later),
        standby(),
        failover=one,
        proofs=(_proof(offered),) if offered else (),
    )
    step = next_step(seen, POLICY, ENDED - 3.0 + later)
    if not isinstance(step, Step):
        return
    if step.act is Act.PROMOTE:
        assert phase is Phase.PROMOTE
        assert step.proof is not None
        assert step.proof == one.proof
        assert refuse_promotion(seen, one) == ""
    if step.act in (Act.PROVE, Act.REVOKE) and step.proof is not None:
        assert refuse_proof(step.proof, seen, one) == ""
        assert one.proof is None, "the first proof stays; there is never a second one"


@st.composite
def _candidates(draw: st.DrawFn) -> ReplicaSight:
    name = draw(st.sampled_from("bcd"))
    return standby(
        replica=name,
        name=f"orders-{name}",
        host=draw(st.sampled_from([f"host-{name}", f"host-{name}", "host-a"])),
        datacenter=draw(st.sampled_from(["OSU", "OSU", "PAR"])),
        role=draw(st.sampled_from([Role.STANDBY, Role.STANDBY, Role.OUT])),
        state=draw(st.sampled_from([ReplicaState.MEMBER, ReplicaState.QUARANTINED])),
        may_be_promoted=draw(st.booleans()),
        verdict=draw(st.sampled_from([Verdict.ALIVE, Verdict.SUSPECT, Verdict.LOST])),
        age=draw(st.sampled_from([0.5, 2.9, 3.1, 60.0])),
        server=draw(st.sampled_from(["running", "running", "down"])),
        timeline=draw(st.sampled_from([1, 1, 2])),
        system=draw(st.sampled_from(["7", "7", "8"])),
        position=draw(st.integers(WRITTEN - 10, WRITTEN + 10)),
        healthy_for=draw(st.sampled_from([59.0, 61.0, 300.0])),
        free_bytes=draw(st.sampled_from([-1, 0, 1 << 30])),
    )


@given(
    st.lists(_candidates(), max_size=3, unique_by=lambda one: one.replica),
    st.sampled_from(list(Durability)),
    st.sets(st.sampled_from("bcd")),
)
def test_who_is_chosen_keeps_every_rule_and_each_other_one_has_its_reason(
    others: list[ReplicaSight], durability: Durability, streaming: set[str]
) -> None:
    seen = primary().standbys[0]
    words = tuple(
        replace(seen, replica=one.replica, position=WRITTEN - 10, is_streaming=True)
        for one in others
        if one.replica in streaming
    )
    source = primary(age=6.5, standbys=words)
    world = facts(source, *others, database=database(durability=durability))
    election = elect(world, POLICY, ENDED, source=source)
    refused = {refusal.replica: refusal.reason for refusal in election.refusals}
    assert set(refused) == {one.replica for one in others} - {election.chosen}
    assert all(refused.values())
    if not election.chosen:
        assert election.reason.startswith("No safe candidate.")
        return
    best = next(one for one in others if one.replica == election.chosen)
    assert (best.datacenter, best.role, best.state) == ("OSU", Role.STANDBY, ReplicaState.MEMBER)
    assert best.host != "host-a"
    assert best.may_be_promoted
    assert best.verdict is not Verdict.LOST
    assert best.age <= POLICY.heard_within
    assert (best.server, best.timeline, best.system) == ("running", 1, "7")
    assert best.healthy_for >= POLICY.healthy_for
    assert best.free_bytes != 0
    assert election.quote is not None


@given(
    st.one_of(st.none(), st.just(Phase.ANALYSE)),
    st.floats(0.01, 3600.0),
    st.floats(0.0, 60.0),
    st.sampled_from(list(Verdict)),
    st.sampled_from(["", "amelie"]),
)
def test_within_the_hour_nothing_begins_or_revokes_by_itself(
    phase: Phase | None, left: float, later: float, verdict: Verdict, blocked_by: str
) -> None:
    world = facts(
        primary(age=later, verdict=verdict),
        standby(),
        database=database(blocked_for=left, blocked_by=blocked_by),
        failover=failover(phase) if phase else None,
    )
    step = next_step(world, POLICY, ENDED + later)
    assert not isinstance(step, Step) or step.act not in (Act.BEGIN, Act.REVOKE, Act.PROMOTE)
