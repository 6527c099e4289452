"""No failover is under way: is one to begin, and how is the standby? Pure."""

from __future__ import annotations

from recovery.failover.elect import elect
from recovery.failover.facts import Act, Answer, Ask, Facts, Step, Wait
from recovery.failover.phases import ENDED, FailoverKind
from recovery.failover.policy import Policy
from recovery.failover.trouble import (
    braked,
    hands_off,
    has_crashed,
    has_successor,
    is_kept,
    said_by,
    trouble,
)
from recovery.inventory.facts import DatabaseState, Plan, ReplicaState, Role, StandbyLoss


def begin(facts: Facts, policy: Policy, now: float) -> Answer:
    """The first rule that has an answer."""
    if facts.database.adopting:
        return _adopting(facts, policy)
    wrong = trouble(facts, policy, now)
    if not wrong:
        return _upkeep(facts, policy)
    if begins := _begins_there(facts, policy):
        return Wait(begins)
    stop = hands_off(facts.around) or _restart(facts, policy, wrong)
    if stop is not None:
        return stop
    if facts.database.plan is Plan.STARTER:
        return _await_host(facts, wrong)
    return _fail_over(facts, policy, wrong)


def _adopting(facts: Facts, policy: Policy) -> Answer:
    """Two people chose what it leads with: that its server ends for it is no crash, nobody else may
    lead instead, and what its agent says of the data before is no word of these."""
    if facts.database.state is DatabaseState.SERVING or not _serves(facts, policy):
        return Wait("Its restored data take the place of what was there.")
    return Step(Act.RESUME, "Its primary accepts writes, from what was restored in place.")


def _begins_there(facts: Facts, policy: Policy) -> str:
    """What was led elsewhere, restored or with its disk, and has not served there yet has not
    crashed: its agent starts it once its data are there, and a restart would claim what the restore
    did, with its outage and its loss. Where a copy could take over, that is for failover."""
    primary, database = facts.primary, facts.database
    is_alone = database.plan is Plan.STARTER or not has_successor(facts)
    is_new = database.state is DatabaseState.WAITING and facts.routed_epoch < database.epoch
    if primary is None or not (is_alone and is_new and has_crashed(primary, policy)):
        return ""
    place = primary.host_name or primary.host
    return f"Nothing has served on {place} yet: its agent starts it there.{said_by(primary)}"


def _serves(facts: Facts, policy: Policy) -> bool:
    """By the newest word of its agent, in this epoch, and with the data that it is to have: those
    of a restore that was given up serve nobody, also while their server still runs."""
    primary = facts.primary
    return (
        primary is not None
        and primary.age <= policy.heard_within
        and primary.server == "running"
        and primary.is_writable
        and primary.epoch == facts.database.epoch
        and primary.adopted == facts.database.adopting
    )


def _fail_over(facts: Facts, policy: Policy, wrong: str) -> Answer:
    if kept := is_kept(facts, policy):
        return Wait(kept, 1.0, alarm="cp-blind")
    if (stop := braked(facts, policy)) is not None:
        return stop
    if facts.primary is None:
        return Ask(f"{wrong} A person names one.", "no-primary")
    return Step(Act.BEGIN, wrong, kind=FailoverKind.FAILOVER)


def refuse_begin(facts: Facts) -> str:
    """Why no failover of any kind may be begun: there is never a second one."""
    other = facts.failover
    if other is not None and other.phase not in ENDED:
        return f"A {other.kind} of {facts.database.name} is under way, in phase {other.phase}."
    return ""


def refuse_switchover(facts: Facts, policy: Policy, now: float, *, target: str) -> str:
    """Why a person's switchover to `target` is refused now; "": its row may be written."""
    if refused := refuse_begin(facts):
        return f"{refused} A switchover has to wait for its end."
    if (stop := hands_off(facts.around)) is not None:
        return stop.reason
    source = facts.primary
    if source is None or (wrong := trouble(facts, policy, now)):
        said = "It has no primary." if source is None else wrong
        return f"{said} That is a matter of failover, not of switchover."
    election = elect(facts, policy, now, source=source, only=target)
    return "" if election.chosen else election.reason


def _restart(facts: Facts, policy: Policy, wrong: str) -> Answer | None:
    """A crashed server on a living host: in its place, if that is sooner by the prover, or nobody
    could take over from it."""
    primary = facts.primary
    if primary is None or not has_crashed(primary, policy):
        return None
    is_alone = facts.database.plan is Plan.STARTER or not has_successor(facts)
    is_later = not is_alone and facts.restart_seconds > facts.failover_seconds
    if is_later or facts.database.restart_failed < policy.restart_memory:
        return None
    sooner = f"restarted in its place: {facts.restart_seconds:.0f} s"
    other = "" if is_alone else f", a failover {facts.failover_seconds:.0f} s"
    return Step(Act.BEGIN, f"{wrong} It is {sooner}{other}.", kind=FailoverKind.RESTART)


def _await_host(facts: Facts, wrong: str) -> Answer:
    """H8: a starter database waits and says so; a person may redeploy it."""
    said = f"{wrong} On the starter plan it waits for its host, or for a person's redeploy."
    is_new = facts.database.state is not DatabaseState.WAITING
    return Step(Act.AWAIT_HOST, said) if is_new else Wait(said)


def _upkeep(facts: Facts, policy: Policy) -> Answer:
    database, serves = facts.database, _serves(facts, policy)
    if database.state is not DatabaseState.SERVING:
        if serves:
            return Step(Act.RESUME, "Its primary accepts writes.")
        if database.state is DatabaseState.MAKING:
            return Wait("It is being made.")
        is_heard = facts.primary is not None and facts.primary.age <= policy.heard_within
        return Wait("Its host is back, and it accepts no writes yet." if is_heard else "It waits.")
    if database.plan is Plan.STARTER or not serves:
        return Wait("Nothing to do.")
    kept = protect(facts, policy)
    if isinstance(kept, Step):
        return kept
    return take_back(facts, policy) or kept or Wait("Nothing to do.")


def take_back(facts: Facts, policy: Policy, *, but: str = "") -> Step | None:
    """Whoever an earlier failover, or people, left out and whose agent is heard follows the primary
    again: that failover may have ended before, because its new primary was in trouble itself.
    `but`: who is asked for elsewhere."""
    for one in facts.replicas:
        is_left = one.role is Role.OUT and one.state is ReplicaState.MEMBER
        if one.replica == but:
            continue
        if is_left and one.replica != facts.database.primary and one.age <= policy.heard_within:
            said = f"{one.name} was left out: after a snapshot it follows {_leader(facts)}."
            return Step(Act.REJOIN, said, replica=one.replica)
    return None


def _leader(facts: Facts) -> str:
    return facts.primary.name if facts.primary else "the primary"


def protect(facts: Facts, policy: Policy) -> Answer | None:
    """Without a standby for 10 s: recorded as not failoverable, or writes stay blocked.

    The record comes first and the primary's new terms after it, so a promotion of a standby that
    missed writes is refused from before the first such write (I-DB-2)."""
    database = facts.database
    if database.is_degraded:
        if facts.protected_for < policy.resync_steady:
            return Wait("It serves degraded, without a standby that could take over.", None)
        return Step(Act.RESTORE, "A standby holds everything again and could take over.")
    if facts.unprotected_for < policy.standby_patience:
        return None
    if facts.around.blind:
        return Wait("Its standby is lost, and we are blind: nothing is recorded.", 1.0)
    gone = f"No standby could take over for {facts.unprotected_for:.0f} s."
    if database.is_synchronous and database.standby_loss is StandbyLoss.BLOCK:
        return Wait(f"{gone} Its writes wait for one, as it is set to.", alarm="unprotected")
    return Step(Act.DEGRADE, f"{gone} It goes on degraded, and will not be failed over.")
