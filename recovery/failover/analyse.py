"""The phase *analyse*: is it so, is somebody safe, and has the old primary stopped? Pure.

Invariant: nothing is revoked, and no promise taken over, before a candidate is eligible and has
said that no promise of its own lives (B6); a primary without a successor keeps its lease and its
standbys' promises, so that it may simply come back.
"""

from __future__ import annotations

from recovery.failover.elect import WORSE, elect, looks_again
from recovery.failover.facts import (
    Act,
    Answer,
    Ask,
    Election,
    Facts,
    Failover,
    Proof,
    ReplicaSight,
    Step,
    Wait,
)
from recovery.failover.phases import FailoverKind, Phase
from recovery.failover.policy import Policy
from recovery.failover.proofs import lease_proof, refuse_proof
from recovery.failover.proofs.prolonging import answered_for
from recovery.failover.trouble import braked, hands_off, has_crashed, is_kept, is_silent, trouble
from recovery.operations.facts import UNDER_WAY, UNFINISHED, OperationState


def analyse(facts: Facts, failover: Failover, policy: Policy, now: float) -> Answer:
    """By kind."""
    if failover.called_off:
        return _abandon(f"{failover.called_off} called it off.")
    if failover.kind is FailoverKind.RESTART:
        return _restart(facts, failover, policy)
    if (stop := hands_off(facts.around, facts.authority)) is not None:
        return stop
    if facts.database.epoch != failover.old_epoch:
        return _abandon("Its epoch is another by now: that is looked at anew.")
    wrong = trouble(facts, policy, now)
    if failover.kind is FailoverKind.SWITCHOVER:
        return _switch(facts, failover, policy, now, wrong)
    return _fail_over(facts, failover, policy, now, wrong)


def _fail_over(facts: Facts, failover: Failover, policy: Policy, now: float, wrong: str) -> Answer:
    if not wrong:
        return _abandon("Its primary renews its lease and serves: nothing was changed.")
    if facts.authority is None and (kept := is_kept(facts, policy)):
        return _abandon(kept)
    if (stop := braked(facts, policy)) is not None:
        return stop
    return _revoke_when_sure(facts, failover, policy, now)


def _revoke_when_sure(facts: Facts, failover: Failover, policy: Policy, now: float) -> Answer:
    source = facts.replica(failover.source)
    if source is None:
        return Ask("The old primary is unknown.", "no-candidate")
    election = elect(facts, policy, now, source=source)
    if not election.chosen:
        return _nobody(facts, failover, policy, election, source)
    answer = next((one for one in failover.asked if one.replica == election.chosen), None)
    if answer is None or answer.age > policy.answer_age:
        return _ask(failover, election, policy)
    if facts.around.turn:
        return Wait(f"Others go first: {facts.around.turn}", 1.0, alarm="held")
    return _revoke(facts, failover, policy, now)


def _nobody(
    facts: Facts, failover: Failover, policy: Policy, election: Election, source: ReplicaSight
) -> Answer:
    """Nobody is safe; a person is told once that is no matter of one look that was missed."""
    if election.reason.startswith(WORSE):
        return _abandon(election.reason)
    if said := is_silent(facts, policy) or looks_again(election, failover):
        return Wait(said, 1.0)
    ask = Ask(election.reason, "no-candidate", election)
    return _start_again(failover, source, policy) or ask


def _start_again(failover: Failover, source: ReplicaSight, policy: Policy) -> Step | None:
    """Nobody can take over from a server that crashed on a living host: it may serve again itself.
    Nothing was revoked, so it starts by its own lease, or not at all."""
    order = failover.order("restart", failover.source)
    is_asked = order is not None and (order.state in UNDER_WAY or order.age <= policy.answer_age)
    if not has_crashed(source, policy) or is_asked:
        return None
    said = f"Nobody can take over from {source.name}: its server is started again."
    return Step(Act.RESTART, said, replica=failover.source)


def _revoke(facts: Facts, failover: Failover, policy: Policy, now: float) -> Answer:
    """With a proof in hand, or to get one from an agent that lives; else the lease has to end."""
    offered = (one for one in facts.proofs if not refuse_proof(one, facts, failover))
    proof = next(offered, None) or lease_proof(facts, now)
    if proof is not None:
        stands = answered_for(proof, facts, failover, policy)
        if not isinstance(stands, Proof):
            return stands
        return Step(Act.REVOKE, stands.said, Phase.FENCE, proof=stands)
    source = facts.replica(failover.source)
    if source is not None and has_crashed(source, policy):
        said = "Its agent lives: it is asked to close the gate and to sign for it."
        return Step(Act.REVOKE, said, Phase.FENCE)
    watch = facts.lease
    if watch is None or not watch.row.sequence:
        said = "It lives by no lease that could end: power it off, or two people vouch."
        return Ask(said, "no-proof")
    return Wait(f"Its lease ends in {watch.left(now):.1f} s.", watch.left(now))


def _ask(failover: Failover, election: Election, policy: Policy) -> Answer:
    order = failover.order("ask", election.chosen)
    is_asked = order is not None and order.state in (*UNFINISHED, OperationState.DONE)
    if is_asked and order is not None and order.age <= policy.answer_age:
        return Wait("The standby is asked whether it promised anything.", 0.2)
    said = "Before anything is revoked the standby is asked whether it sees its primary (B6)."
    return Step(Act.ASK, said, replica=election.chosen, election=election)


def _switch(facts: Facts, failover: Failover, policy: Policy, now: float, wrong: str) -> Answer:
    """Planned: the target has to be close before the gate closes."""
    source, target = facts.replica(failover.source), facts.replica(failover.wanted)
    if wrong or source is None or target is None:
        return _abandon(f"{wrong or 'It has no such replica.'} Nothing was changed.")
    election = elect(facts, policy, now, source=source, only=failover.wanted)
    if not election.chosen:
        return _abandon(election.reason)
    if facts.around.turn:
        return Wait(f"Others go first: {facts.around.turn}", 1.0)
    behind = source.position - target.position
    if behind > policy.switch_lag_bytes:
        if failover.phase_age > policy.catch_up:
            return _abandon(f"{target.name} is {behind} bytes behind and does not catch up.")
        return Wait(f"{target.name} is {behind} bytes behind.", 0.2)
    said = f"{source.name} closes its gate, then {target.name} takes over."
    return Step(Act.REVOKE, said, Phase.FENCE)


def _restart(facts: Facts, failover: Failover, policy: Policy) -> Answer:
    """Ordered once; seen to run is what counts."""
    source = facts.replica(failover.source)
    if source is None or source.age > policy.heard_within:
        return _abandon("Its host is silent too: that is another matter.")
    if source.server == "running" and source.is_writable:
        return Step(Act.ADVANCE, "It runs again and accepts writes.", Phase.VERIFY)
    order = failover.order("restart", failover.source)
    if order is None:
        return Step(Act.RESTART, "Its server is started again.", replica=failover.source)
    is_done = order.state is OperationState.DONE
    patience = 2 * policy.heard_within if is_done else policy.promote_overdue
    if order.state in (OperationState.FAILED, OperationState.REFUSED):
        why = order.detail.strip().removesuffix(".") or "its agent does not say why"
        return _abandon(f"It could not be started: {why}.")
    if order.age > patience:
        return _abandon(f"It accepted no writes {order.age:.0f} s after it was to start.")
    return Wait("Its server is starting.", 1.0)


def _abandon(reason: str) -> Step:
    return Step(Act.ABANDON, reason, Phase.ABANDONED)
