"""What a recovery plan offers to a failover: its authority, and the word of its people."""

from __future__ import annotations

from recovery.failover.authority import Authority
from recovery.failover.facts import Proof, ProofKind
from recovery.failover.models import Failover


def authority_of(row: Failover) -> Authority | None:
    """None: no plan wants it."""
    told = row.authority
    if not row.act or not told:
        return None
    return Authority(
        act=row.act,
        said=f"{told['name']}, step {told['step']},",
        into=str(told["into"]),
        loss=float(told["loss"]),
        people=tuple(str(one) for one in told["people"]),
        named=frozenset(str(one) for one in told.get("named", ())),
        gone=frozenset(str(one) for one in told.get("gone", ())),
    )


def approved_by(row: Failover) -> tuple[Proof, ...]:
    """What the people of a plan vouch for; it proves nothing where a lease could end."""
    authority = authority_of(row)
    if authority is None:
        return ()
    named = " and ".join(authority.people)
    return (
        Proof(
            kind=ProofKind.APPROVED,
            replica=str(row.source_id),
            epoch=row.old_epoch,
            said=f"{authority.said} on the word of {named}: it lives by no lease that could end.",
            people=authority.people,
            act=authority.act,
        ),
    )
