"""Who may be promoted, and why each other one may not (I-DB-6). Pure.

Invariant: a chosen candidate was streaming (synchronous: acknowledged) by its old primary's last
word, stands in the same datacenter outside what failed, follows the same history, and holds
everything it ever confirmed. In doubt nobody is chosen: a person decides.

The authority of a recovery plan changes one thing: the candidate stands in the datacenter that the
plan names, where nothing waits for it, so what it lacks is weighed against what was approved. What
people chose (`chosen.py`) counts only where nobody is safe, for that one copy and those rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from recovery.failover.authority import Authority
from recovery.failover.chosen import AT_LOSS, No, Offer, Quote, Rule, refuse_more
from recovery.failover.facts import (
    NEVER,
    Election,
    Facts,
    Failover,
    ProofKind,
    Refusal,
    ReplicaSight,
)
from recovery.failover.loss.quote import Loss, written
from recovery.failover.policy import MEBI, Policy
from recovery.failover.trouble import SILENT, said_by
from recovery.inventory.facts import ReplicaState, Role, Verdict

WORSE = "More would be lost than what was approved"
"""How the reason begins that pauses a run."""
UNORDERED = "that look is the older one, or it lost data."
LOOKS_AGAIN = 10.0
"""Seconds for which that is nothing for people: who is well is looked at each second."""
SLACK = 5.0
"""Seconds by which a loss may be worse than what was approved."""


def elect(
    facts: Facts, policy: Policy, now: float, *, source: ReplicaSight, only: str = ""
) -> Election:
    """The most advanced eligible standby of `source`; `only`: what a person chose to hand over to.
    What people chose against our rules is asked for last."""
    loss = written(facts, source, now)
    others = sorted(facts.replicas, key=lambda each: each.name)
    offers = [
        _offer(one, source, facts, policy, loss) for one in others if one.replica != source.replica
    ]
    eligible = [one for one in offers if not one.against and only in {"", one.replica}]
    if eligible:
        return _choose(eligible, offers, facts, only)
    chosen = facts.failover.chosen if facts.failover else None
    wanted = next((one for one in offers if chosen and one.replica == chosen.replica), None)
    if chosen is None or wanted is None or only:
        return _nobody(offers, only)
    if no := next((no for no in wanted.against if no.rule not in chosen.waives), None):
        return _nobody(offers, only, f"On {chosen.said} it is not: {no.reason}")
    if worse := refuse_more(wanted.quote, chosen):
        return _nobody(offers, only, worse)
    reason = f"{wanted.name}, on {chosen.said}: {wanted.quote.said}"
    return Election(wanted.replica, _refusals(offers, wanted, only), wanted.quote, reason)


def _choose(eligible: list[Offer], offers: list[Offer], facts: Facts, only: str) -> Election:
    best = max(eligible, key=lambda one: (one.quote.held, -one.lag, one.name))
    refusals = _refusals(offers, best, only)
    if facts.authority is not None and (worse := refuse_loss(best.quote, facts.authority)):
        return Election("", (*refusals, Refusal(best.replica, worse)), best.quote, worse)
    return Election(best.replica, refusals, best.quote, f"{best.name}: {best.quote.said}")


def _nobody(offers: list[Offer], only: str, why: str = "") -> Election:
    refusals = _refusals(offers, None, only)
    said = " ".join(refusal.reason for refusal in refusals) or "It has no standby."
    reason = f"No safe candidate. {why or said}"
    return Election("", refusals, reason=reason, offers=tuple(offers))


def _refusals(offers: list[Offer], best: Offer | None, only: str) -> tuple[Refusal, ...]:
    def why(one: Offer) -> str:
        if one.against:
            return one.against[0].reason
        if only and one.replica != only:
            return "another was asked for."
        return f"{best.name} holds more, or as much." if best else ""

    return tuple(Refusal(one.replica, f"{one.name}: {why(one)}") for one in offers if one != best)


def _offer(
    one: ReplicaSight, source: ReplicaSight, facts: Facts, policy: Policy, loss: Loss
) -> Offer:
    """What is against it, and what its promotion would lose."""
    noes = tuple(against(one, source, facts, policy, loss))
    holds_all = facts.database.is_synchronous and not facts.authority
    is_safe = holds_all and not AT_LOSS & {no.rule for no in noes}
    return Offer(one.replica, one.name, noes, loss.quote(one, is_safe=is_safe), one.lag or 0.0)


def refuse_loss(quote: Quote, authority: Authority) -> str:
    """Why nobody agreed to lose that much; empty where they did."""
    approved = f"{authority.said} approved {authority.loss:.0f} s"
    if quote.seconds is None:
        return f"{WORSE}: it cannot be told how much; {approved}."
    if quote.seconds > authority.loss + SLACK:
        return f"{WORSE}: about {quote.seconds:.0f} s of writes; {approved}."
    return ""


def against(
    one: ReplicaSight, source: ReplicaSight, facts: Facts, policy: Policy, loss: Loss
) -> Iterator[No]:
    """Every reason against it, as sentences, the gravest for people to read first; none: eligible.
    Which rule each is of says whether people may promote it all the same."""
    if tried := _tried(one, facts, policy):
        yield No(Rule.TRIED, tried)
    if facts.database.is_degraded and not facts.authority:
        yield No(Rule.DEGRADED, "writes were acknowledged without it: the database is degraded.")
    for rule, asks in _RULES:
        if reason := asks(one, source, facts, policy):
            yield No(rule, reason)
    if shared := sorted(one.domains & facts.database.failing_domains):
        yield No(Rule.PLACE, f"it stands in {', '.join(shared)}, which failed.")
    if reason := _at_loss(one, source, facts):
        yield No(Rule.LOSS, reason)
    if reason := _lies(one, source, facts, policy, loss):
        yield No(Rule.HISTORY, reason)
    is_weighed = facts.database.is_synchronous or facts.authority is not None
    if not is_weighed and (reason := _lag(one, policy, loss)):
        yield No(Rule.LOSS, reason)
    if reason := _others(one, source, facts, policy):
        yield No(Rule.LOSS, reason)


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
        return f"its server is {one.server}.{said_by(one)}"
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
        return f"it has been well for {int(one.healthy_for)} s, not for {policy.healthy_for:.0f} s."
    return ""


_RULES: tuple[tuple[Rule, Callable[[ReplicaSight, ReplicaSight, Facts, Policy], str]], ...] = (
    (Rule.KEPT, _membership),
    (Rule.PLACE, _place),
    (Rule.LIFE, _life),
    (Rule.HISTORY, _history),
    (Rule.WELL, _health),
)


def _lies(one: ReplicaSight, source: ReplicaSight, facts: Facts, policy: Policy, loss: Loss) -> str:
    """What it says cannot be, or it lost what it had: no word of people makes its data good."""
    if _was_handed_over(one, facts):
        confirmed = 0
    else:
        seen = one.seen_by_primary(source)
        confirmed = seen.position if seen else 0
    if one.position < confirmed and _came_after(one, source):
        return (
            f"it had confirmed position {confirmed} by its primary's last word, and its newest look"
            f" shows {one.position}: {UNORDERED}"
        )
    if one.claimed_early > source.position:
        return (
            f"it claimed position {one.claimed_early}, and a later look at its primary showed less;"
            f" the newest shows {source.position}: nobody holds what was not written."
        )
    if loss.age == NEVER:  # nobody knows how long it had
        return ""
    most = loss.position + int(policy.most_written_per_second * (loss.age + 1.0))
    if one.position > most:
        return (
            f"it claims position {one.position}, its primary's last word was {loss.position}"
            f" {loss.age:.1f} s before the end: nobody writes so fast."
        )
    return ""


def looks_again(election: Election, failover: Failover) -> str:
    """Who is refused only because its look may be the older one; nobody once that has lasted."""
    if failover.phase_age > LOOKS_AGAIN:
        return ""
    for offer in election.offers:
        reasons = [no.reason for no in offer.against]
        if reasons and all(reason.endswith(UNORDERED) for reason in reasons):
            return f"{offer.name}: {reasons[0]} It is looked at again."
    return ""


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
        return ""
    if seen is None or not seen.is_streaming:
        return "it did not follow its primary at the moment of loss."
    if waits and not seen.is_synchronous:
        return "acknowledged writes did not wait for it at the moment of loss."
    return ""


def _was_handed_over(one: ReplicaSight, facts: Facts) -> bool:
    failover = facts.failover
    if failover is None or failover.proof is None or failover.wanted != one.replica:
        return False
    proof = failover.proof
    is_proven = proof.kind is ProofKind.HANDED_OVER and proof.position is not None
    return is_proven and one.position >= (proof.position or 0)


def _came_after(one: ReplicaSight, source: ReplicaSight) -> bool:
    """Whether it spoke after its primary, as far as it was heard in that order: what it held before
    says nothing about what it holds. Either look may be older than its word.
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
