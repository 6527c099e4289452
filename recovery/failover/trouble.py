"""Is the primary in trouble, and may anything be done about it now? Pure.

Each rule gives the answer that ends the question, or None. Invariant: blind, paused, or with a
standby that promised its primary, nothing is begun and nothing revoked.
"""

from __future__ import annotations

from recovery.core.leases import LeaseRow
from recovery.failover.authority import Authority
from recovery.failover.facts import Answer, Around, Ask, Facts, ReplicaSight, Wait
from recovery.failover.policy import Policy
from recovery.inventory.facts import DatabaseState, Plan, Role, Verdict

SERVER_DOWN = frozenset({"down", "failed"})
SILENT = "silent"
"""Its process runs and missed a look or two (`inventory.actions.databases`): neither well nor down;
one of both in seconds."""


def trouble(facts: Facts, policy: Policy, now: float) -> str:
    """What is wrong with the primary, as a sentence; "": nothing that asks for an act."""
    primary = facts.primary
    if primary is None:
        return "" if _is_being_made(facts) else "It has no primary."
    if has_crashed(primary, policy) and not _is_being_made(facts):
        return f"Its server is {primary.server} on a living host.{said_by(primary)}"
    if primary.verdict in (Verdict.LOST, Verdict.HUNG):
        return f"Its host {primary.host_name or primary.host} is {primary.verdict}."
    watch = facts.lease
    if watch is None or not _is_lived_by(watch.row, facts):
        return ""
    if watch.left(now) <= policy.ask_ahead:
        why = "our grants do not reach it" if watch.is_deaf else "its host may be lost"
        return f"Its lease was not renewed for {watch.silence(now):.1f} s: {why}."
    return ""


def _is_being_made(facts: Facts) -> bool:
    """Before its primary is named, and between its data and its first start, it is down, and that
    is no crash: its agent starts it as often as it takes, and no user was led to it yet."""
    is_down = facts.primary is None or facts.primary.server in ("down", SILENT)
    return facts.database.state is DatabaseState.MAKING and is_down


def _is_lived_by(row: LeaseRow, facts: Facts) -> bool:
    """Its present primary renewed it in this epoch, and nobody ended it: a lease of the epoch
    before, or one that was withdrawn, says nothing about a primary that serves."""
    mine = (row.replica, row.epoch) == (facts.database.primary, facts.database.epoch)
    return mine and row.sequence > 0 and not row.revoked


def has_crashed(sight: ReplicaSight, policy: Policy) -> bool:
    """Its agent lives and says that the server does not."""
    return sight.age <= policy.heard_within and sight.server in SERVER_DOWN


def said_by(sight: ReplicaSight) -> str:
    """Its agent's words as a sentence after another one; nothing where it has none."""
    words = sight.detail.strip()
    stop = "" if words.endswith((".", "!", "?")) else "."
    return f" Its agent says: {words}{stop}" if words else ""


def is_silent(facts: Facts, policy: Policy) -> str:
    """Who missed a look just now, as a sentence: before that has an end nobody is told that no
    standby is safe."""
    for one in facts.replicas:
        if one.server == SILENT and one.age <= policy.heard_within:
            return f"{one.name}: {one.detail or 'it does not answer'}. It is asked again."
    return ""


def hands_off(around: Around, authority: Authority | None = None) -> Answer | None:
    """Nothing at all while we don't trust our eyes, or a person has stopped everything; what people
    approved in a recovery plan stands above a pause, and not above our eyes."""
    if around.paused and authority is None:
        return Ask(f"Automation is paused: {around.paused}", "held")
    if around.blind:
        return Wait(f"We are blind: {' '.join(around.blind)}", 1.0)
    return None


def is_kept(facts: Facts, policy: Policy) -> str:
    """A standby sees the primary alive and has promised to stay one (B6): who and how long."""
    for one in facts.replicas:
        if not _may_take_over(one, facts):
            continue
        if one.age <= policy.heard_within and one.promised_for > one.age:
            return _promise(one.name, one.promised_for - one.age)
    for asked in facts.failover.asked if facts.failover else ():
        named = facts.replica(asked.replica)
        if named is not None and asked.age <= policy.answer_age and asked.promised_for > asked.age:
            return _promise(named.name, asked.promised_for - asked.age)
    return ""


def _promise(name: str, left: float) -> str:
    return (
        f"{name} sees its primary alive and promised it {left:.1f} s more: it is us who can't see"
        " it. No failover."
    )


def _may_take_over(one: ReplicaSight, facts: Facts) -> bool:
    is_other = one.replica != facts.database.primary
    return is_other and one.may_be_promoted and one.role is Role.STANDBY


def has_successor(facts: Facts) -> bool:
    """Whether there is a standby at all that may be promoted, whatever it is like now."""
    return any(_may_take_over(one, facts) for one in facts.replicas)


def braked(facts: Facts, policy: Policy) -> Answer | None:
    """I-DB-8 and I-BR-1: a second failover within the hour, and a storm, ask a person. Whoever
    approved the step of a plan was asked."""
    database, around = facts.database, facts.around
    if facts.authority is not None:
        return None
    if database.blocked_for > 0:
        why = "It failed over within the last hour"
        if database.blocked_by:
            why = f"{database.blocked_by} called the last one off"
        said = (
            f"{why}; another one by itself is blocked for {database.blocked_for / 60:.0f} min"
            f" more, unless somebody allows it."
        )
        return Ask(said, "blocked")
    if not around.storm:
        return None
    if not database.is_synchronous:
        said = f"{around.storm} It is asynchronous: a person weighs the loss against the wait."
        return Ask(said, "storm")
    if around.vantage_seen < policy.vantage_needed:
        said = (
            f"{around.storm} Only {around.vantage_seen} of {around.vantage_tried} vantage points"
            f" are reached, {policy.vantage_needed} are needed."
        )
        return Ask(said, "storm")
    return None


def is_protected(facts: Facts, policy: Policy) -> bool | None:
    """Whether by its primary's words a standby could take over; None: it says nothing.

    Its durations are `unprotected_for` and `protected_for`. While *degraded* nobody is waited for,
    so a standby that follows closely is enough to begin waiting again."""
    primary = facts.primary
    if primary is None or primary.age > policy.heard_within:
        return None
    for seen in primary.standbys:
        one = facts.replica(seen.replica)
        if one is None or not seen.is_streaming or not _may_take_over(one, facts):
            continue
        is_near = one.datacenter == primary.datacenter
        is_close = primary.position - seen.position <= policy.most_lag_bytes
        waits = facts.database.is_synchronous and not facts.database.is_degraded
        if is_near and (seen.is_synchronous if waits else is_close):
            return True
    return False


def is_self_fencing(facts: Facts) -> bool:
    """Whether this database's primary is to live by a lease (I-DB-7).

    Not without a standby that could be promoted: the lease would only stop it when we are gone.
    `is_degraded` is that very record, so a lease goes and comes with it, in its transaction."""
    is_business = facts.database.plan is Plan.BUSINESS
    return is_business and not facts.database.is_degraded and has_successor(facts)
