"""The phase *promote*: ordered with its proof, and looked at until it is known. Pure.

Invariants: *promote* is ordered only with exactly one valid proof in the row (I-DB-4); an outcome
that is not known is looked at again and never assumed (B8); what may have been promoted is never
followed by another choice before its agent has said that it was not.
"""

from __future__ import annotations

from recovery.failover.facts import (
    Act,
    Answer,
    Ask,
    Facts,
    Failover,
    OrderSight,
    ProofKind,
    ReplicaSight,
    Step,
    Wait,
)
from recovery.failover.phases import Phase
from recovery.failover.policy import Policy
from recovery.failover.proofs import refuse_promotion
from recovery.failover.trouble import has_crashed
from recovery.operations.facts import UNDER_WAY, OperationState

NOT_DONE = frozenset({OperationState.FAILED, OperationState.REFUSED, OperationState.WITHDRAWN})


def promote(facts: Facts, failover: Failover, policy: Policy, now: float) -> Answer:
    """Ordered with the proof; left only by what is seen or by the agent's own no."""
    target = facts.replica(failover.target)
    if target is not None and has_taken_over(target, failover):
        return Step(Act.ADVANCE, f"{target.name} leads at epoch {target.epoch}.", Phase.REPOINT)
    order = failover.order("promote", failover.target)
    if order is None or 0 < order.epoch < failover.new_epoch:  # nobody, or an earlier choice of it
        if refused := refuse_promotion(facts, failover):
            return _without_proof(failover, refused)
        assert failover.proof is not None
        said = f"{failover.proof.said} Promoted at epoch {failover.new_epoch}."
        return Step(Act.PROMOTE, said, replica=failover.target, proof=failover.proof)
    if order.state in NOT_DONE:
        return _again(facts, failover, policy, order)
    return _look_again(facts, failover, policy, order) or _overdue(failover, policy, order)


def _overdue(failover: Failover, policy: Policy, order: OrderSight) -> Answer:
    if (age := max(order.age, failover.phase_age)) > policy.promote_overdue:
        said = f"The promotion is {order.state} for {age:.0f} s: its outcome is not known."
        return Ask(said, "promotion-unknown")
    return Wait("The standby is being promoted.", 0.2)


def _look_again(facts: Facts, failover: Failover, policy: Policy, order: OrderSight) -> Step | None:
    """Its server froze or fell in the middle, and its agent could not say how it ended. The same
    order again, at the same epoch: what is promoted already stays so, and nobody else may lead."""
    target = facts.replica(failover.target)
    if target is None or order.state is not OperationState.UNKNOWN:
        return None
    if has_crashed(target, policy):
        revived = revive(facts, failover, policy)
        return revived if isinstance(revived, Step) else None
    runs = target.age <= policy.heard_within and target.server == "running"
    if not runs or order.age <= policy.promote_again or refuse_promotion(facts, failover):
        return None
    said = f"{target.name} runs and does not lead: its promotion is ordered again."
    return Step(Act.PROMOTE, said, replica=failover.target, proof=failover.proof)


def has_taken_over(target: ReplicaSight, failover: Failover) -> bool:
    """Its agent says that it accepts writes at the new epoch, or a higher one."""
    return target.is_writable and target.epoch >= failover.new_epoch


def _again(facts: Facts, failover: Failover, policy: Policy, order: OrderSight) -> Answer:
    """Its agent refused: for a promise that is waited out, or for good."""
    last = next((one for one in failover.asked if one.replica == failover.target), None)
    if order.state is not OperationState.REFUSED or failover.attempts >= policy.promote_attempts:
        return Step(
            Act.CHOOSE_AGAIN, f"It was not promoted: {order.detail}", Phase.ELECT,
            replica=failover.target,
        )  # fmt: skip
    if last is None or last.age > order.age:
        asking = failover.order("ask", failover.target)
        if asking is not None and asking.state in UNDER_WAY and asking.age <= order.age:
            return Wait("It is asked why it refused.", 0.2)
        said = f"It refused ({order.detail}): it gives no further promises, and says what lives."
        return Step(Act.ASK, said, replica=failover.target, take_over=True)
    if (left := last.promised_for - last.age) > 0:
        return Wait(f"The last promise to the old primary is waited out: {left:.1f} s.", left)
    if refused := refuse_promotion(facts, failover):
        return _without_proof(failover, refused)
    said = f"No promise is left; it refused before: {order.detail}"
    return Step(Act.PROMOTE, said, replica=failover.target, proof=failover.proof)


def _without_proof(failover: Failover, refused: str) -> Answer:
    """Before anybody was ordered to lead, or after its own agent's no: the word of a plan that was
    called off leads back to where another proof is looked for, and to no promotion."""
    if failover.proof is None or failover.proof.kind is not ProofKind.APPROVED:
        return Ask(refused, "no-proof")
    return Step(Act.CHOOSE_AGAIN, refused, Phase.ELECT, replica=failover.target)


def revive(facts: Facts, failover: Failover, policy: Policy) -> Answer | None:
    """The server of the new primary crashed in its promotion, or before a user could write to it:
    started again, at most one order at a time. Nobody else may be promoted meanwhile."""
    target = facts.replica(failover.target)
    if target is None or not has_crashed(target, policy):
        return None
    order = failover.order("restart", failover.target)
    if order is None or (order.state not in UNDER_WAY and order.age > policy.promote_overdue):
        said = f"The server of {target.name} fell since it was to lead: it is started again."
        return Step(Act.RESTART, said, replica=failover.target)
    return Wait(f"The server of {target.name} fell since it was to lead and is starting.", 1.0)
