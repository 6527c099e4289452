"""What people decide about a database: a switchover, a second failover, and vouching.

Invariants: a switchover is a wish, and the cycle refuses what is not safe; a word for a lost
primary needs two people who each typed the database's name (I-DB-4), binds to the epoch that they
saw, ends by itself and is used once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.failover.actions.failovers import BLOCKED_FOR, begin_failover
from recovery.failover.models import Failover, Vouch
from recovery.failover.phases import (
    UNFINISHED,
    FailoverKind,
    Phase,
    VouchState,
    refuse_call_off,
)
from recovery.failover.rounds.telling import tell
from recovery.inventory.facts import DatabaseState, Plan, ReplicaState, Role
from recovery.inventory.models import Database, Replica, ReplicaSight

VOUCH_LIFE = timedelta(minutes=30)
HEARD = timedelta(seconds=5)
"""An older word of an agent says nothing about now."""


def request_switchover(
    *, database: Database, target: Replica, actor: Actor, reason: str, now: datetime
) -> Failover:
    """Its row, for the cycle to carry out; `Refused` where a look at the rows says no already."""
    with transaction.atomic():
        row = Database.objects.select_for_update().get(pk=database.pk)
        _check_switchover(row, target)
        assert row.primary is not None
        return begin_failover(
            database=row,
            kind=FailoverKind.SWITCHOVER,
            source=row.primary,
            wanted=target,
            incident=None,
            happened_at=now,
            actor=actor,
            reason=f"{actor.id} asked for it: {reason}",
            now=now,
        )


def _check_switchover(row: Database, target: Replica) -> None:
    running = Failover.objects.filter(database=row, phase__in=UNFINISHED).first()
    if running is not None:
        raise Refused(
            f"{running}, a {running.kind} of {row}, is under way in phase {running.phase}.",
            todo="Wait for its end.",
        )
    if row.state != DatabaseState.SERVING or row.primary_id is None:
        raise Refused(f"{row} does not serve: that is a matter of failover, not of switchover.")
    if target.database_id != row.pk or target.role != Role.STANDBY:
        raise Refused(f"{target} is no standby of {row}.", field="target")
    if target.state != ReplicaState.MEMBER or not target.may_be_promoted:
        raise Refused(f"{target} may not be promoted outside a recovery plan.", field="target")


def call_off(*, failover: Failover, actor: Actor, reason: str, now: datetime) -> Failover:
    """Ended at the next look, and the old primary leads on; `Refused` where that cannot be.

    A failover that a person called off does not begin again by itself for an hour: another person,
    or the same, allows it (`allow_failover`)."""
    with transaction.atomic():
        row = Failover.objects.select_for_update().select_related("database").get(pk=failover.pk)
        _check_call_off(row, now)
        if row.kind == FailoverKind.FAILOVER:
            transitions.amend(
                Database.objects.select_for_update().get(pk=row.database_id),
                {"blocked_until": now + BLOCKED_FOR, "blocked_by": actor.id},
                action="failover blocked",
                actor=actor,
                reason=reason,
                now=now,
            )
        said = f"{actor.id} calls {row} off"
        tell(row, "called off", said, why=reason, actor=actor, now=now)
        return transitions.amend(
            row,
            {"called_off": actor.id},
            action="called off",
            actor=actor,
            reason=reason,
            now=now,
        )


def _check_call_off(row: Failover, now: datetime) -> None:
    if refusal := refuse_call_off(Phase(row.phase), FailoverKind(row.kind), row.called_off):
        raise Refused(f"{row}: {refusal}", kept="Nothing was changed.")
    if row.phase == Phase.ANALYSE:
        return
    sight = ReplicaSight.objects.filter(replica=row.source_id).first()
    if sight is None or now - sight.at > HEARD or sight.state != "running":
        raise Refused(
            f"{row.source} is silent or does not run: there is nobody to give the writes back to.",
            kept=f"{row} goes on.",
            todo="Wait for its end, and switch over afterwards.",
        )


def allow_failover(*, database: Database, actor: Actor, reason: str, now: datetime) -> Database:
    """A second automatic failover within the hour need not wait for a person any more (I-DB-8)."""
    if database.blocked_until is None or database.blocked_until <= now:
        raise Refused(f"Nothing blocks a failover of {database}.")
    return transitions.amend(
        database,
        {"blocked_until": None, "blocked_by": "", "unblocked_by": actor.id},
        action="failover allowed",
        actor=actor,
        reason=reason,
        now=now,
    )


def ask_vouch(*, database: Database, risk: str, actor: Actor, reason: str, now: datetime) -> Vouch:
    """The first person's word; it does nothing before a second one gives theirs."""
    if database.plan == Plan.STARTER:
        raise Refused(
            f"{database} has no standby that could lead.",
            todo="It waits for its host, or for a move to another one with its disk.",
        )
    _expire(database, actor=actor, now=now)
    if Vouch.objects.filter(database=database, state__in=["asked", "given"]).exists():
        raise Conflict(f"Somebody vouches for {database} already.", todo="Give the second word.")
    row = Vouch(
        database=database,
        epoch=database.epoch,
        purpose="promote",
        risk=risk,
        requested_by=actor.id,
        requested_at=now,
        request_reason=reason,
        expires_at=now + VOUCH_LIFE,
    )
    return transitions.create([row], actor=actor, reason=reason, now=now)[0]


def _expire(database: Database, *, actor: Actor, now: datetime) -> None:
    old = Vouch.objects.filter(database=database, state__in=["asked", "given"], expires_at__lte=now)
    transitions.move_many(
        Vouch,
        [row.pk for row in old],
        VouchState.EXPIRED,
        actor=actor,
        reason="Nobody used it in time.",
        now=now,
    )


def give_vouch(*, vouch: Vouch, actor: Actor, reason: str, now: datetime) -> Vouch:
    """The second person's word: from now on it is a proof, for this epoch and this once."""
    if vouch.purpose != "promote":
        raise Refused("That word is about a move, not about a failover.")
    if vouch.requested_by == actor.id:
        raise Refused("You gave the first word; the second one is somebody else's.")
    if vouch.expires_at <= now:
        raise Refused("That word has run out.", todo="Ask anew: look at the machine again.")
    if vouch.epoch != vouch.database.epoch:
        raise Refused(
            f"It was about epoch {vouch.epoch}; {vouch.database} is in {vouch.database.epoch} now."
        )
    changes = {"given_by": actor.id, "given_at": now, "give_reason": reason}
    return transitions.move(
        vouch, VouchState.GIVEN, actor=actor, reason=reason, now=now, changes=changes
    )
