"""May the holder of a lease have got more time, unseen, by its standbys' promises (B6)? Pure.

Invariant: a lease's end on our clock proves something across datacenters only where each standby
that its holder may ask has said that it promises nothing further, and its last promise is over; of
one that nobody hears either somebody who can know says that it is gone, or two people answer for
it who were shown its name. A failover and a fence both ask here; nobody else says what it takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from recovery.failover.authority import Authority
from recovery.failover.facts import (
    Act,
    Answer,
    Ask,
    Facts,
    Failover,
    Proof,
    ProofKind,
    ReplicaSight,
    Step,
    Wait,
)
from recovery.failover.policy import Policy

CLOSED = frozenset({ProofKind.GATE_CLOSED, ProofKind.POWERED_OFF, ProofKind.HANDED_OVER})
"""What says of the gate itself that it is closed: no promise opens it."""


@dataclass(frozen=True, slots=True)
class Promiser:
    """A standby that the holder may ask for a promise. `name`: with its host; `is_heard`: its agent
    speaks; `left`: seconds of its newest promise, as far as it was told; `is_closed`: it said that
    it promises nothing further; `is_gone`: the provider, or somebody on site, says so of its host
    and of its holder's, since they fell silent."""

    replica: str
    name: str
    is_heard: bool
    left: float = 0.0
    is_closed: bool = False
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Prolonging:
    """`open`: who answers, and may promise at any moment; `kept`: by whose promise it may go on for
    longest; `silent`: who may have promised unseen."""

    open: tuple[Promiser, ...] = ()
    kept: Promiser | None = None
    silent: tuple[Promiser, ...] = ()

    @property
    def is_over(self) -> bool:
        return not self.open and self.kept is None and not self.silent

    @property
    def named(self) -> str:
        """Who is silent, in words."""
        return ", ".join(one.name for one in self.silent)


def prolonging(promisers: Iterable[Promiser]) -> Prolonging:
    """What stands in the way of calling its lease ended."""
    known = tuple(promisers)
    told = [one for one in known if (one.is_heard or one.is_closed) and one.left > 0]
    return Prolonging(
        open=tuple(one for one in known if one.is_heard and not one.is_closed),
        kept=max(told, key=lambda one: (one.left, one.name), default=None),
        silent=tuple(one for one in known if not (one.is_heard or one.is_closed or one.is_gone)),
    )


def promisers_of(facts: Facts, failover: Failover, policy: Policy) -> tuple[Promiser, ...]:
    """Of the holder that this failover is about."""
    gone = facts.authority.gone if facts.authority else frozenset()
    return tuple(
        _promiser(one, failover, policy, is_gone=one.replica in gone)
        for one in facts.replicas
        if one.may_be_promoted and one.replica != failover.source
    )


def _promiser(one: ReplicaSight, failover: Failover, policy: Policy, *, is_gone: bool) -> Promiser:
    answer = next((each for each in failover.asked if each.replica == one.replica), None)
    left = [one.promised_for - one.age]
    if answer is not None:
        left.append(answer.promised_for - answer.seen_for)
    return Promiser(
        replica=one.replica,
        name=f"{one.name} on {one.host_name}" if one.host_name else one.name,
        is_heard=one.age <= policy.heard_within,
        left=max(0.0, *left),
        is_closed=answer is not None and answer.took_over,
        is_gone=is_gone,
    )


def answered_for(proof: Proof, facts: Facts, failover: Failover, policy: Policy) -> Proof | Answer:
    """The same proof, with who answers for what nobody can see; or what has to come before it.

    Only a plan reaches across datacenters, where who is promoted has promised nothing itself; at
    home the candidate was asked, and refuses while its promise lives. Nothing is taken over before
    it is known that nothing else is in the way."""
    authority = facts.authority
    if authority is None or proof.kind in CLOSED:
        return proof
    found = prolonging(promisers_of(facts, failover, policy))
    is_end = proof.kind is ProofKind.LEASE_ENDED
    if is_end and (why := _unnamed(found, authority)):
        return Ask(why, "no-proof")
    for one in found.open:
        if (asking := _take_over(one, failover, authority, policy)) is not None:
            return asking
    if found.kept is not None:
        left = found.kept.left
        said = f"{found.kept.name} promised its primary {left:.1f} s more. That is waited out."
        return Wait(said, min(left, 0.5))
    if not is_end or not found.silent:
        return proof
    said = (
        f"{proof.said} {found.named}, unheard, may have prolonged it unseen: that they did not is"
        f" on the word of {' and '.join(authority.people)}, who were shown it."
    )
    return replace(proof, said=said)


def _unnamed(found: Prolonging, authority: Authority) -> str:
    """Two people stand for what nobody can prove (I-DB-4), also where one broke glass; and for
    nothing that was not on their page."""
    said = f"{found.named}, unheard, may have prolonged its lease unseen, and"
    if not found.silent:
        return ""
    if any(one.replica not in authority.named for one in found.silent):
        return f"{said} nobody who approved the plan was shown that: a new plan, or two who vouch."
    if len({one for one in authority.people if one}) < 2:
        return f"{said} the plan has the word of one person: a second one vouches."
    return ""


def _take_over(
    one: Promiser, failover: Failover, authority: Authority, policy: Policy
) -> Answer | None:
    order = failover.order("ask", one.replica)
    if order is not None and order.take_over and order.age <= policy.answer_age:
        return Wait(f"{one.name} is asked to promise nothing further.", 0.2)
    said = f"{authority.said} takes over: {one.name} promises its primary nothing further."
    return Step(Act.ASK, said, replica=one.replica, take_over=True)
