"""Who may be promoted, and why each other one may not (I-DB-6). Pure.

Invariant: a chosen candidate was streaming (synchronous: acknowledged) by its old primary's last
word, stands in the same datacenter outside what failed, follows the same history, and holds
everything it ever confirmed. In doubt nobody is chosen: a person decides.

The authority of a recovery plan changes one thing: the candidate stands in the datacenter that the
plan names, where nothing waits for it, so what it lacks is weighed against what was approved.
"""

from __future__ import annotations

from collections.abc import Callable

from recovery.failover.authority import Authority
from recovery.failover.facts import (
    NEVER,
    Election,
    Facts,
    ProofKind,
    Quote,
    Refusal,
    ReplicaSight,
)
from recovery.failover.loss.quote import Loss, written
from recovery.failover.policy import MEBI, Policy
from recovery.failover.trouble import SILENT
from recovery.inventory.facts import ReplicaState, Role, Verdict

WORSE = "More would be lost than what was approved"
"""How the reason begins that pauses a run."""
SLACK = 5.0
"""Seconds by which a loss may be worse than what was approved."""


def elect(
    facts: Facts, policy: Policy, now: float, *, source: ReplicaSight, only: str = ""
) -> Election:
    """The most advanced eligible standby of `source`; `only`: what a person chose."""
    loss = written(facts, source, now)
    eligible: list[ReplicaSight] = []
    refusals: list[Refusal] = []
    for one in sorted(facts.replicas, key=lambda each: each.name):
        if one.replica == source.replica:
            continue
        if reason := refuse_candidate(one, source, facts, policy, loss):
            refusals.append(Refusal(one.replica, f"{one.name}: {reason}"))
        elif only and one.replica != only:
            refusals.append(Refusal(one.replica, f"{one.name}: another was asked for."))
        else:
            eligible.append(one)
    if not eligible:
        said = " ".join(refusal.reason for refusal in refusals) or "It has no standby."
        return Election("", tuple(refusals), reason=f"No safe candidate. {said}")
    best = max(eligible, key=lambda one: (one.position, -(one.lag or 0.0), one.name))
    for one in eligible:
        if one is not best:
            reason = f"{one.name}: {best.name} holds more, or as much."
            refusals.append(Refusal(one.replica, reason))
    quote = loss.quote(best, is_safe=facts.database.is_synchronous and not facts.authority)
    if facts.authority is not None and (worse := refuse_loss(quote, facts.authority)):
        return Election("", (*refusals, Refusal(best.replica, worse)), quote, worse)
    return Election(best.replica, tuple(refusals), quote, f"{best.name}: {quote.said}")


def refuse_loss(quote: Quote, authority: Authority) -> str:
    """Why nobody agreed to lose that much; empty where they did."""
    approved = f"{authority.said} approved {authority.loss:.0f} s"
    if quote.seconds is None:
        return f"{WORSE}: it cannot be told how much; {approved}."
    if quote.seconds > authority.loss + SLACK:
        return f"{WORSE}: about {quote.seconds:.0f} s of writes; {approved}."
    return ""


def refuse_candidate(
    one: ReplicaSight, source: ReplicaSight, facts: Facts, policy: Policy, loss: Loss
) -> str:
    """The first reason against it, as a sentence; "": eligible."""
    if tried := _tried(one, facts, policy):
        return tried
    if facts.database.is_degraded and not facts.authority:
        return "writes were acknowledged without it: the database is degraded."
    for rule in _RULES:
        if reason := rule(one, source, facts, policy):
            return reason
    if shared := sorted(one.domains & facts.database.failing_domains):
        return f"it stands in {', '.join(shared)}, which failed."
    return _position(one, source, facts, policy, loss) or _others(one, source, facts, policy)


def _tried(one: ReplicaSight, facts: Facts, policy: Policy) -> str:
    """What failed a moment ago may have passed: a server that stood still answers again."""
    failover = facts.failover
    why = dict(failover.tried).get(one.replica, "") if failover else ""
    if not failover or not why or failover.phase_age >= policy.promote_again:
        return ""
    return f"it was to be promoted and was not: {why}"


def _membership(one: ReplicaSight, source: ReplicaSight, facts: Facts, policy: Policy) -> str:
    if one.state is not ReplicaState.MEMBER or one.role is Role.OUT:
        return (
            "it is not trusted yet: it has not rejoined."
            if one.role is Role.OUT
            else (f"it is {one.state}.")
        )
    may = one.may_be_promoted or facts.authority is not None
    return "" if may else "it is kept as a copy and is never promoted."


def _place(one: ReplicaSight, source: ReplicaSight, facts: Facts, policy: Policy) -> str:
    if (authority := facts.authority) is not None:
        elsewhere = f"it stands in {one.datacenter}; {authority.said} names {authority.into}."
        return "" if one.datacenter == authority.into else elsewhere
    if one.datacenter != source.datacenter:
        return (
            f"it stands in {one.datacenter}, the primary in {source.datacenter}: never across"
            " datacenters outside the disaster recovery plan."
        )
    return "it is on the host that failed." if one.host == source.host else ""


def _life(one: ReplicaSight, source: ReplicaSight, facts: Facts, policy: Policy) -> str:
    if one.verdict not in (Verdict.ALIVE, Verdict.SUSPECT):
        return f"its host is {one.verdict}."
    if one.age > policy.heard_within:
        heard = "yet" if one.age == NEVER else f"for {one.age:.0f} s"
        return f"no word from its agent {heard}."
    if one.server != "running":
        return f"its server is {one.server}. {one.detail}".strip()
    if 0 <= one.free_bytes < policy.least_free_bytes:
        return f"its disk is full: {one.free_bytes // MEBI} MB left."
    return ""


def _history(one: ReplicaSight, source: ReplicaSight, facts: Facts, policy: Policy) -> str:
    if not one.system or one.system != source.system:
        return f"it is a copy of another database ({one.system or 'unknown'})."
    if one.timeline != source.timeline:
        return f"its history forked: timeline {one.timeline}, the primary's is {source.timeline}."
    if not one.version or one.version.partition(".")[0] != source.version.partition(".")[0]:
        return f"its version is {one.version or 'unknown'}, the primary's {source.version}."
    return ""


def _health(one: ReplicaSight, source: ReplicaSight, facts: Facts, policy: Policy) -> str:
    """It grows no more once the primary is lost. People who approved the promotion by a plan have
    weighed what is lost with it, and would wait for ever."""
    if facts.authority is None and one.healthy_for < policy.healthy_for:
        return f"it has been well for {one.healthy_for:.0f} s, not for {policy.healthy_for:.0f} s."
    return ""


_RULES: tuple[Callable[[ReplicaSight, ReplicaSight, Facts, Policy], str], ...] = (
    _membership,
    _place,
    _life,
    _history,
    _health,
)


def _position(
    one: ReplicaSight, source: ReplicaSight, facts: Facts, policy: Policy, loss: Loss
) -> str:
    if reason := _at_loss(one, source, facts):
        return reason
    if one.claimed_early > source.position:
        return (
            f"it claimed position {one.claimed_early} when its primary had written no more than"
            f" {source.position}: it lies."
        )
    most = loss.position + int(policy.most_written_per_second * (loss.age + 1.0))
    if one.position > most:
        return (
            f"it claims position {one.position}, its primary's last word was {loss.position}"
            f" {loss.age:.1f} s before the end: nobody writes so fast."
        )
    is_weighed = facts.database.is_synchronous or facts.authority is not None
    return "" if is_weighed else _lag(one, policy, loss)


def _at_loss(one: ReplicaSight, source: ReplicaSight, facts: Facts) -> str:
    """Eligible by the primary's last word.

    The only standby that a synchronous primary could wait for has all that was acknowledged,
    whether or not it was connected in the last moment: without it nothing was acknowledged, until
    the control plane recorded *degraded*, or the primary had not taken up its terms yet. To whom
    it handed over holds all that was written before its gate closed: that is the proof itself."""
    if _was_handed_over(one, facts):
        return ""
    epoch = facts.failover.old_epoch if facts.failover else facts.database.epoch
    waits = facts.database.is_synchronous and facts.authority is None
    if source.epoch < epoch:
        return f"its primary's last word is of epoch {source.epoch}, before the terms of {epoch}."
    seen = one.seen_by_primary(source)
    if waits and _is_only(one, source, facts):
        confirmed = 0 if seen is None else seen.position
    elif seen is None or not seen.is_streaming:
        return "it did not follow its primary at the moment of loss."
    elif waits and not seen.is_synchronous:
        return "acknowledged writes did not wait for it at the moment of loss."
    else:
        confirmed = seen.position
    if one.position < confirmed and _came_after(one, source):
        return f"it confirmed position {confirmed} and now holds {one.position}: it lost data."
    return ""


def _was_handed_over(one: ReplicaSight, facts: Facts) -> bool:
    failover = facts.failover
    if failover is None or failover.proof is None or failover.wanted != one.replica:
        return False
    proof = failover.proof
    is_proven = proof.kind is ProofKind.HANDED_OVER and proof.position is not None
    return is_proven and one.position >= (proof.position or 0)


def _came_after(one: ReplicaSight, source: ReplicaSight) -> bool:
    """Whether it spoke after its primary: what it held before says nothing about what it holds.
    A server that is silent spoke before either; its agent repeats its last word."""
    return one.age < source.age or source.server != "running"


def _is_only(one: ReplicaSight, source: ReplicaSight, facts: Facts) -> bool:
    return not any(
        other.may_be_promoted and other.replica not in (one.replica, source.replica)
        for other in facts.replicas
    )


def _lag(one: ReplicaSight, policy: Policy, loss: Loss) -> str:
    behind = loss.position - one.position
    if behind > policy.most_lag_bytes:
        most = policy.most_lag_bytes
        return f"it is {behind / MEBI:.1f} MB behind, more than {most / MEBI:.0f} MB."
    if behind > 0 and one.lag is not None and one.lag > policy.most_lag_seconds:
        return f"it is {one.lag:.0f} s behind, more than {policy.most_lag_seconds:.0f} s."
    return ""


def _others(one: ReplicaSight, source: ReplicaSight, facts: Facts, policy: Policy) -> str:
    """Synchronous with several standbys: whoever streamed may have been the one that held the
    last acknowledged write, so all of them have to be seen, and none may hold more."""
    if not facts.database.is_synchronous or facts.authority is not None:
        return ""
    for other in source.standbys:
        sight = facts.replica(other.replica)
        if other.replica == one.replica or not other.is_streaming or sight is None:
            continue
        if not sight.may_be_promoted:
            continue
        if sight.age > policy.heard_within:
            return f"{sight.name} could hold acknowledged writes that it has not, and is silent."
        if sight.server == SILENT:
            return f"{sight.name} could hold more than it last told, and does not answer just now."
        if sight.position > one.position:
            return f"{sight.name} holds more."
    return ""
