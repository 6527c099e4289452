"""What people decide about a database: a switchover, a second failover, and vouching.

Invariants: a switchover is a wish: what is known to be unsafe when it is asked for is refused
before anything is begun, and the cycle refuses what is not safe by then; a word for a lost primary
needs two people who each typed the database's name (I-DB-4) while there was something to vouch
about, binds to the epoch that they saw, ends by itself and is used once.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Forbidden, Refused
from recovery.failover.actions.failovers import BLOCKED_FOR, begin_failover
from recovery.failover.facts import Around
from recovery.failover.models import Failover, Vouch
from recovery.failover.phases import (
    UNFINISHED,
    FailoverKind,
    Phase,
    VouchState,
    refuse_call_off,
)
from recovery.failover.rounds.asked import refuse_asked
from recovery.failover.rounds.telling import tell
from recovery.failover.words import Case, refuse_word
from recovery.inventory.facts import DatabaseState, Plan, ReplicaState, Role
from recovery.inventory.models import Database, Replica, ReplicaSight

CLEAR = Around()
OPEN = (VouchState.ASKED, VouchState.GIVEN)
VOUCH_LIFE = timedelta(minutes=30)
HEARD = timedelta(seconds=5)
"""An older word of an agent says nothing about now."""


def request_switchover(
    *,
    database: Database,
    target: Replica,
    around: Around = CLEAR,
    failing: Collection[str] = (),
    actor: Actor,
    reason: str,
    now: datetime,
) -> Failover:
    """Its row, for the cycle to carry out. `Refused` where it could never be; `Conflict` where the
    cycle would give it up at once. `around`, `failing`: as the cycle is told of them."""
    with transaction.atomic():
        row = Database.objects.select_for_update().get(pk=database.pk)
        _check_switchover(row, target)
        if why := refuse_asked(row, target, around, failing, now=now):
            raise Conflict(why, kept="Nothing was begun.", todo="Ask again once that is over.")
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


def check_typed(database: Database, typed: str) -> None:
    """A grave word names by hand what it hits (I-DB-4), whichever way it came."""
    if typed != database.name:
        raise Refused(f"This is not {database}; nothing was done.", field="typed")


def ask_vouch(
    *, database: Database, risk: str, typed: str, actor: Actor, reason: str, now: datetime
) -> Vouch:
    """The first person's word; it does nothing before a second one gives theirs."""
    check_typed(database, typed)
    if database.plan == Plan.STARTER:
        raise Refused(
            f"{database} has no standby that could lead.",
            todo="It waits for its host, or for a move to another one with its disk.",
        )
    with transaction.atomic():
        held = Database.objects.select_for_update().get(pk=database.pk)
        epoch, since = _check_word(held, now)
        _expire(held, since, actor=actor, now=now)
        return _ask(held, epoch, risk=risk, actor=actor, reason=reason, now=now)


def _ask(
    database: Database, epoch: int, *, risk: str, actor: Actor, reason: str, now: datetime
) -> Vouch:
    if Vouch.objects.filter(database=database, purpose="promote", state__in=OPEN).exists():
        raise Conflict(f"Somebody vouches for {database} already.", todo="Give the second word.")
    row = Vouch(
        database=database,
        epoch=epoch,
        purpose="promote",
        risk=risk,
        requested_by=actor.id,
        requested_at=now,
        request_reason=reason,
        expires_at=now + VOUCH_LIFE,
    )
    return transitions.create([row], actor=actor, reason=reason, now=now)[0]


def _check_word(row: Database, now: datetime) -> tuple[int, datetime | None]:
    """The epoch of the primary that a word is about, and since when it fails, where that stands in
    a row; `Refused` where nothing is to be vouched for."""
    running = (
        Failover.objects.filter(database=row, phase__in=UNFINISHED)
        .select_related("source__host")
        .first()
    )
    old = running.source if running is not None else row.primary
    sight = ReplicaSight.objects.filter(replica=old).first() if old is not None else None
    case = Case(
        name=row.name,
        state=row.state,
        verdict=old.host.verdict if old is not None else None,
        runs=sight is not None and now - sight.at <= HEARD and sight.state == "running",
        running=(running.phase, running.kind, bool(running.proof)) if running else None,
    )
    if reason := refuse_word(case):
        raise Refused(reason, kept="Nothing was written.")
    return (running.old_epoch, running.happened_at) if running is not None else (row.epoch, None)


def _expire(database: Database, since: datetime | None, *, actor: Actor, now: datetime) -> None:
    """What ran out, and what was said of an earlier outage: it proves nothing in this one."""
    over = Q(expires_at__lte=now)
    if since is not None:
        over |= Q(requested_at__lt=since)
    old = Vouch.objects.filter(over, database=database, purpose="promote", state__in=OPEN)
    transitions.move_many(
        Vouch,
        [row.pk for row in old],
        VouchState.EXPIRED,
        actor=actor,
        reason="Nobody used it in time.",
        now=now,
    )


def give_vouch(*, vouch: Vouch, typed: str, actor: Actor, reason: str, now: datetime) -> Vouch:
    """The second person's word: from now on it is a proof, for this epoch and this once."""
    check_typed(vouch.database, typed)
    if vouch.purpose != "promote":
        raise Refused("That word is about a move, not about a failover.")
    if vouch.requested_by == actor.id:
        raise Forbidden("You gave the first word; the second one is somebody else's.")
    if vouch.expires_at <= now:
        raise Refused("That word has run out.", todo="Ask anew: look at the machine again.")
    changes = {"given_by": actor.id, "given_at": now, "give_reason": reason}
    with transaction.atomic():
        row = Database.objects.select_for_update().get(pk=vouch.database_id)
        epoch, since = _check_word(row, now)
        if since is not None and vouch.requested_at < since:
            raise Refused("That word is older than this outage.", todo="Look at the machine again.")
        if vouch.epoch != epoch:
            raise Refused(f"It was about epoch {vouch.epoch}; now it would be about {epoch}.")
        return transitions.move(
            vouch, VouchState.GIVEN, actor=actor, reason=reason, now=now, changes=changes
        )
