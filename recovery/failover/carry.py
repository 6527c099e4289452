"""From the closed gate to redundancy: the phases after *analyse*; *promote* is `promoting`. Pure.

Invariants: nobody is chosen before exactly one valid proof is in the row (I-DB-4); what holds no
more is taken out before anybody is ordered to lead; the old primary leads again at a new
epoch only.
"""

from __future__ import annotations

from dataclasses import replace

from recovery.failover.asking import ask_standbys, with_answers
from recovery.failover.begin import protect, take_back
from recovery.failover.elect import elect, looks_again
from recovery.failover.facts import (
    Act,
    Answer,
    Ask,
    Facts,
    Failover,
    OrderSight,
    Proof,
    ProofKind,
    ReplicaSight,
    Step,
    Wait,
)
from recovery.failover.phases import FailoverKind, Phase
from recovery.failover.policy import Policy
from recovery.failover.promoting import NOT_DONE, revive
from recovery.failover.proofs import find_proof, hand_over_proof, refuse_proof
from recovery.failover.proofs.prolonging import answered_for
from recovery.failover.trouble import SILENT, is_silent, trouble
from recovery.inventory.facts import Plan, ReplicaState, Role, StandbyLoss
from recovery.operations.facts import UNDER_WAY, OperationState

ANSWERS = frozenset({"running", SILENT})
"""One look that was missed makes nobody fallen, and no primary one without a standby."""


def fence(facts: Facts, failover: Failover, policy: Policy, now: float) -> Answer:
    """Revoked; now the proof."""
    if (back := _called_off(facts, failover, policy)) is not None:
        return back
    if failover.proof is not None:
        return Step(Act.ADVANCE, failover.proof.said, Phase.ELECT)
    if failover.kind is FailoverKind.SWITCHOVER:
        return _hand_over(facts, failover, policy, now)
    if (proof := find_proof(facts, failover, now)) is not None:
        stands = answered_for(proof, facts, failover, policy)
        if not isinstance(stands, Proof):
            return stands
        return Step(Act.PROVE, stands.said, Phase.ELECT, proof=stands)
    return _close_gate(facts, failover, policy, now)


def _close_gate(facts: Facts, failover: Failover, policy: Policy, now: float) -> Answer:
    source = facts.replica(failover.source)
    order = failover.order("fence", failover.source)
    is_due = order is None or _is_unheard_of(order, policy)
    if source is not None and source.age <= policy.heard_within and is_due:
        said = "Its agent is ordered to close the gate and to sign for it."
        return Step(Act.FENCE, said, replica=failover.source)
    watch = facts.lease
    if watch is None or not watch.row.sequence:
        return Ask("No lease ends here: power it off, or two people vouch.", "no-proof")
    left = watch.left(now)
    return Wait(f"Its gate is closed in {left:.1f} s at the latest.", min(left, 0.5))


def _is_unheard_of(order: OrderSight, policy: Policy) -> bool:
    """Its agent could not say that the gate is closed, some time ago: it is asked again."""
    is_over = order.state not in UNDER_WAY and order.state is not OperationState.DONE
    return is_over and order.age > policy.fence_again


def _hand_over(facts: Facts, failover: Failover, policy: Policy, now: float) -> Answer:
    order = failover.order("fence", failover.source)
    if order is None:
        said = "Its agent is ordered to close the gate and to say where it stopped."
        return Step(Act.FENCE, said, replica=failover.source)
    source = facts.replica(failover.source)
    lives = source is not None and source.age <= policy.heard_within
    proof = hand_over_proof(facts, failover)
    if proof is None and not lives:
        proof = find_proof(facts, failover, now)
    if proof is not None and not failover.called_off:
        stands = answered_for(proof, facts, failover, policy)
        if not isinstance(stands, Proof):
            return stands
        return Step(Act.PROVE, stands.said, Phase.ELECT, proof=stands)
    if lives and (reason := _why_not_over(failover, policy, order)):
        return _give_back(reason)
    return Wait("The standby takes in the last writes.", 0.1)


def _why_not_over(failover: Failover, policy: Policy, order: OrderSight) -> str:
    """Why the old primary, which lives, gets its writes back instead."""
    if failover.called_off:
        return f"{failover.called_off} called it off."
    if order.state in NOT_DONE:
        return f"The gate was not closed: {order.detail}"
    late = failover.phase_age > policy.catch_up and order.state not in UNDER_WAY
    return "The standby did not catch up in time." if late else ""


def choose(facts: Facts, failover: Failover, policy: Policy, now: float) -> Answer:
    """The phase *elect*. A plan that took it over relies on a proof that was found without it: what
    only a plan has to ask is asked here once more (B6)."""
    source = facts.replica(failover.source)
    if source is None:
        return Ask("The old primary is unknown.", "no-candidate")
    if (back := _called_off(facts, failover, policy)) is not None:
        return back
    stands = _stands(facts, failover, policy)
    if isinstance(stands, Step | Wait):
        return stands
    if (asking := ask_standbys(facts, failover, policy)) is not None:
        return asking
    answer = _elected(with_answers(facts, failover, policy), failover, policy, now, source)
    return _beyond_doubt(answer, stands)


def _beyond_doubt(answer: Answer, stands: str | Ask) -> Answer:
    """A doubt stops whoever would be promoted, and keeps no writes from one that lives."""
    if not isinstance(answer, Step) or answer.act is not Act.CHOOSE:
        return answer
    if isinstance(stands, Ask):
        return stands
    return replace(answer, reason=f"{answer.reason} {stands}".strip())


def _stands(facts: Facts, failover: Failover, policy: Policy) -> str | Answer:
    """What its proof lacks for a plan that reaches across datacenters; or, where it stands, on
    whose word beyond what it says by itself."""
    proof = failover.proof
    if proof is None:
        return ""
    if refused := refuse_proof(proof, facts, failover):
        is_word = proof.kind is ProofKind.APPROVED
        return Step(Act.DISPROVE, refused, Phase.FENCE) if is_word else Ask(refused, "no-proof")
    stands = answered_for(proof, facts, failover, policy)
    if isinstance(stands, Ask) and _is_vouched(facts, failover):
        return Step(Act.DISPROVE, f"{stands.reason} Two people vouch.", Phase.FENCE)
    if not isinstance(stands, Proof):
        return stands
    word = stands.said.removeprefix(proof.said).strip()
    return "" if word in proof.said else word


def _is_vouched(facts: Facts, failover: Failover) -> bool:
    return any(
        one.kind is ProofKind.VOUCHED and not refuse_proof(one, facts, failover)
        for one in facts.proofs
    )


def _elected(
    facts: Facts, failover: Failover, policy: Policy, now: float, source: ReplicaSight
) -> Answer:
    only = failover.wanted if failover.kind is FailoverKind.SWITCHOVER else ""
    election = elect(facts, policy, now, source=source, only=only)
    if election.chosen:
        degraded = is_left_alone(facts, election.chosen, policy)
        return Step(
            Act.CHOOSE,
            election.reason,
            Phase.PROMOTE,
            replica=election.chosen,
            election=election,
            degraded=degraded,
        )
    if source.age <= policy.heard_within and source.server == "running":
        return _give_back(f"{election.reason} The old primary lives.")
    if said := is_silent(facts, policy) or looks_again(election, failover):
        return Wait(said, 1.0)
    return Ask(election.reason, "no-candidate", election)


def is_left_alone(facts: Facts, chosen: str, policy: Policy) -> bool:
    """Whether the new primary has nobody to take over from it and goes on without, recorded."""
    if facts.database.is_synchronous and facts.database.standby_loss is StandbyLoss.BLOCK:
        return False
    return not any(
        one.may_be_promoted
        and one.role is Role.STANDBY
        and one.age <= policy.heard_within
        and one.server in ANSWERS
        for one in facts.replicas
        if one.replica not in (chosen, facts.database.primary)
    )


def repoint(facts: Facts, failover: Failover, policy: Policy, now: float) -> Answer:
    """Rows first: it is primary, the old one out, the others follow when they see it."""
    if facts.database.primary != failover.target:
        said = "The promoted one is primary; the old one is out until it has rejoined."
        return Step(Act.REPOINT, said, replica=failover.target)
    return Step(Act.ADVANCE, "Everybody is told whom to follow.", Phase.REDIRECT)


def redirect(facts: Facts, failover: Failover, policy: Policy, now: float) -> Answer:
    if facts.routed_epoch < failover.new_epoch:
        said = f"Clients are led to it at epoch {failover.new_epoch}."
        return Step(Act.REDIRECT, said, replica=failover.target)
    return Step(Act.ADVANCE, "The edge was told the new route.", Phase.VERIFY)


def verify(facts: Facts, failover: Failover, policy: Policy, now: float) -> Answer:
    """By a write through the users' path, made since the phase began."""
    wanted = failover.new_epoch or failover.old_epoch
    if facts.written_epoch >= wanted and facts.written_age < failover.phase_age:
        done = "A write through the users' path was acknowledged."
        return Step(Act.ADVANCE, done, Phase.REBUILD)
    if failover.kind is FailoverKind.RESTART:
        source = facts.replica(failover.source)
        if source is None or source.age > policy.heard_within or source.server not in ANSWERS:
            return Step(Act.ABANDON, "It fell again after its restart.", Phase.ABANDONED)
        if facts.routed_epoch < wanted:
            # no route leads to it before it has served: a write through it would never come
            return Step(Act.ADVANCE, "Nobody was led to it yet.", Phase.REBUILD)
    elif (revived := revive(facts, failover, policy)) is not None:
        return revived
    late = failover.phase_age > policy.verify_overdue
    said = "No write through the users' path was acknowledged yet."
    return Wait(said, 0.5, alarm="not-verified" if late else "")


def rebuild(facts: Facts, failover: Failover, policy: Policy, now: float) -> Answer:
    """Over when somebody could take over again; a new loss meanwhile is an event of its own."""
    if wrong := trouble(facts, policy, now):
        said = f"{wrong} This {failover.kind} ends here; that is looked at anew."
        return Step(Act.ABANDON, said, Phase.ABANDONED)
    if facts.database.plan is Plan.STARTER:
        return Step(Act.FINISH, "It serves; its plan has no standby to rebuild.", Phase.DONE)
    is_protected = facts.protected_for >= policy.resync_steady
    if is_protected and not facts.database.is_degraded:
        said = f"A standby could take over again.{_left_behind(facts, failover)}"
        return Step(Act.FINISH, said, Phase.DONE)
    kept = protect(facts, policy)
    if isinstance(kept, Step):
        return kept
    returned = facts.replica(failover.source)
    if returned is None or returned.replica == facts.database.primary:
        return take_back(facts, policy) or Wait("It waits for a standby.")
    return (
        _from_afar(facts, failover, returned)
        or take_back(facts, policy, but=failover.source)
        or _rejoin(failover, returned, policy)
    )


def _from_afar(facts: Facts, failover: Failover, returned: ReplicaSight) -> Step | None:
    """A plan promoted in another datacenter, and the old one is back: no more is to be rebuilt by
    itself, for nobody is promoted across. What comes next is a way back, or a new standby."""
    primary = facts.primary
    if primary is None or returned.datacenter == primary.datacenter:
        return None
    seen = returned.seen_by_primary(primary)
    is_member = returned.role is Role.STANDBY and returned.state is ReplicaState.MEMBER
    if not is_member or seen is None or not seen.is_streaming:
        return None
    said = f"{returned.name} follows from {returned.datacenter}; nobody here could take over."
    return Step(Act.FINISH, f"{said}{_left_behind(facts, failover)}", Phase.DONE)


def _left_behind(facts: Facts, failover: Failover) -> str:
    """What only the old primary had when it came back; its agent keeps all of it (I-DB-5). Who
    handed over had nothing more, and differs by what was written since."""
    if failover.kind is FailoverKind.SWITCHOVER:
        return ""
    returned = facts.replica(failover.source)
    if returned is None or returned.role is not Role.STANDBY or not returned.alone:
        return ""
    return f" {returned.name} came back with what only it had: {returned.alone}"


def _rejoin(failover: Failover, returned: ReplicaSight, policy: Policy) -> Answer:
    """What only it has is no reason to wait: nothing is rewound before it is kept and told."""
    if returned.age > policy.heard_within:
        return Wait(f"{returned.name} has not come back; redundancy waits for it.")
    if returned.state is ReplicaState.QUARANTINED:
        return Wait(f"{returned.name} is set apart until people decide about what it holds.")
    order = failover.order("rejoin", returned.replica)
    if order is None:
        said = f"{returned.name} is back: after a snapshot it follows the new primary."
        return Step(Act.REJOIN, said, replica=returned.replica)
    if order.state in NOT_DONE and order.age > policy.rejoin_again:
        said = f"{returned.name} is asked to rejoin again; before: {order.detail}"
        return Step(Act.REJOIN, said, replica=returned.replica)
    if order.state in NOT_DONE:
        return Ask(f"{returned.name} could not rejoin: {order.detail}", "not-rejoined")
    return Wait(f"{returned.name} is rejoining.")


STANDING = frozenset({*ANSWERS, "starting", "down", "fenced", "failed"})
"""A server that is there, with its data, whether it runs at this moment or not."""


def _called_off(facts: Facts, failover: Failover, policy: Policy) -> Step | None:
    """A person's no, while nobody was ordered to lead: only to an old primary that lives, for a
    silent one would get writes that it cannot take, and the database would stay down. Its agent
    ended its server when it was told to be out, and starts it again when it leads; if it can't,
    no failover begins by itself (I-DB-8)."""
    source = facts.replica(failover.source)
    if not failover.called_off or source is None or source.age > policy.heard_within:
        return None
    if source.server not in STANDING:
        return None
    return _give_back(f"{failover.called_off} called it off.")


def _give_back(reason: str) -> Step:
    said = f"{reason} It gets a new lease at a higher epoch."
    return Step(Act.GIVE_BACK, said, Phase.ABANDONED)
