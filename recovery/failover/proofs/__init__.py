"""Proofs that the old primary cannot be written to (I-DB-4). Pure.

Invariant: `refuse_promotion` is empty only with exactly one valid proof about the right replica in
the right epoch; a lease proves nothing before it is revoked and its span is over.
"""

from __future__ import annotations

from recovery.failover.facts import Facts, Failover, Proof, ProofKind
from recovery.operations.facts import OperationState


def lease_proof(facts: Facts, now: float) -> Proof | None:
    """The lease's end. The revocation stands in the same transaction as its use, or before."""
    watch = facts.lease
    database = facts.database
    failover = facts.failover
    epoch = failover.old_epoch if failover else database.epoch
    source = failover.source if failover else database.primary
    if watch is None or (watch.row.replica, watch.row.epoch) != (source, epoch):
        return None
    if not watch.has_ended(now):
        return None
    said = (
        f"The lease of epoch {epoch} was last renewed {watch.silence(now):.1f} s ago (number"
        f" {watch.row.sequence}); after {watch.terms.span:.2f} s its gate is closed."
    )
    return Proof(ProofKind.LEASE_ENDED, source, epoch, said, sequence=watch.row.sequence)


def receipt_proof(failover: Failover) -> Proof | None:
    """The agent's signed word that the gate is closed and stays so below a higher epoch."""
    order = failover.order("fence", failover.source)
    if order is None or order.state is not OperationState.DONE or not order.operation:
        return None
    said = f"Its agent closed the gate and signed for it ({order.operation})."
    return Proof(
        ProofKind.GATE_CLOSED,
        failover.source,
        failover.old_epoch,
        said,
        receipt=order.operation,
        position=order.position,
    )


def hand_over_proof(facts: Facts, failover: Failover) -> Proof | None:
    """A closed gate, and a standby that holds all that was written before."""
    receipt = receipt_proof(failover)
    target = facts.replica(failover.wanted)
    if receipt is None or receipt.position is None or target is None:
        return None
    if target.position < receipt.position:
        return None
    said = f"It handed over at position {receipt.position}, and {target.name} holds all of it."
    return Proof(
        ProofKind.HANDED_OVER,
        receipt.replica,
        receipt.epoch,
        said,
        receipt=receipt.receipt,
        position=receipt.position,
    )


def find_proof(facts: Facts, failover: Failover, now: float) -> Proof | None:
    """The first that holds: what was offered, then a receipt, then the lease's end."""
    for offered in facts.proofs:
        if not refuse_proof(offered, facts, failover):
            return offered
    if (receipt := receipt_proof(failover)) is not None:
        return receipt
    revoked = facts.lease is not None and facts.lease.row.revoked
    return lease_proof(facts, now) if revoked else None


def refuse_proof(proof: Proof, facts: Facts, failover: Failover) -> str:
    """Why this proof proves nothing here; "": it holds."""
    if proof.replica != failover.source:
        return "The proof is about another replica than the one that was primary."
    if proof.epoch != failover.old_epoch:
        return f"The proof is about epoch {proof.epoch}, not about epoch {failover.old_epoch}."
    return _CHECKS[proof.kind](proof, facts, failover)


def _lease(proof: Proof, facts: Facts, failover: Failover) -> str:
    return "" if proof.sequence > 0 else "A lease that was never renewed does not end."


def _receipt(proof: Proof, facts: Facts, failover: Failover) -> str:
    return "" if proof.receipt else "There is no receipt."


def _vouched(proof: Proof, facts: Facts, failover: Failover) -> str:
    if len({person for person in proof.people if person}) < 2:
        return "Two different people have to vouch."
    if proof.typed != facts.database.name:
        return f'They have to type the name "{facts.database.name}".'
    if proof.after < 0.0:
        return "They vouched before this outage began: a word is about what has failed already."
    return ""


def _approved(proof: Proof, facts: Facts, failover: Failover) -> str:
    """Never while a lease could end: that is waited for. A word is about one act, of the plan that
    holds now: what was said for another one, or for a plan that was called off, is no word here."""
    authority = failover.authority
    if authority is None or len({person for person in authority.people if person}) < 2:
        return "Two different people have to have agreed to a recovery plan."
    if proof.act != authority.act:
        return "They agreed to another act than this one: a word serves for what it was given for."
    if set(proof.people) != set(authority.people):
        return "Other people agreed to this plan."
    if failover.source not in authority.named:
        return "Nobody who approved the plan was shown that it lives by no lease that could end."
    watch = facts.lease
    mine = (failover.source, failover.old_epoch)
    if watch is not None and (watch.row.replica, watch.row.epoch) == mine and watch.row.sequence:
        return "It lived by a lease: its end is the proof."
    return ""


def _handed_over(proof: Proof, facts: Facts, failover: Failover) -> str:
    target = facts.replica(failover.target or failover.wanted)
    if not proof.receipt or proof.position is None:
        return "There is no receipt of a closed gate with a position."
    if target is None or target.position < proof.position:
        return "The standby does not hold all that was written before the gate closed."
    return ""


_CHECKS = {
    ProofKind.LEASE_ENDED: _lease,
    ProofKind.GATE_CLOSED: _receipt,
    ProofKind.POWERED_OFF: _receipt,
    ProofKind.VOUCHED: _vouched,
    ProofKind.HANDED_OVER: _handed_over,
    ProofKind.APPROVED: _approved,
}


def refuse_promotion(facts: Facts, failover: Failover) -> str:
    """Why nothing may be promoted in this failover now; "": exactly one proof holds."""
    if failover.proof is None:
        return "Nothing proves that the old primary cannot be written to."
    if failover.new_epoch <= failover.old_epoch:
        return f"Epoch {failover.new_epoch} is not above epoch {failover.old_epoch}."
    if not failover.target or failover.target == failover.source:
        return "Nobody was chosen."
    return refuse_proof(failover.proof, facts, failover)
