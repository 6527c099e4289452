"""A starter database goes to another host together with its disk: two people decide (H8, I-DB-7).

Invariants: one copy of the data exists and it is the disk; nothing empty is ever made in its
place (an agent refuses to, above the first epoch). The rows say where it is to lead, at an epoch
above all before (the intent); its agent starts it when its data are there; that it serves is seen
by the cycle (the outcome), and until then it waits.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Forbidden, Refused
from recovery.failover.actions.epochs import raise_epoch
from recovery.failover.actions.people import check_typed
from recovery.failover.models import Vouch
from recovery.failover.phases import VouchState
from recovery.failover.rounds.telling import tell_of
from recovery.inventory.facts import DatabaseState, Plan, ReplicaState, Verdict
from recovery.inventory.models import Database, Host, Replica

WORD_LIFE = timedelta(minutes=30)
OPEN = (VouchState.ASKED, VouchState.GIVEN)
RISK = (
    "If its old host still runs and somebody can reach it, it is written to there and at its new"
    " place, and one of the two histories is lost."
)


def ask_move(
    *, database: Database, host: Host, typed: str, actor: Actor, reason: str, now: datetime
) -> Vouch:
    """The first person's word that the old host is off and its disk goes to `host`."""
    check_typed(database, typed)
    with transaction.atomic():
        row = Database.objects.select_for_update().get(pk=database.pk)
        _check(row, host)
        return ask_word(
            row, host, purpose="redeploy", risk=RISK, actor=actor, reason=reason, now=now
        )


def ask_word(
    row: Database,
    host: Host,
    *,
    purpose: str,
    risk: str,
    by: str = "",
    actor: Actor,
    reason: str,
    now: datetime,
) -> Vouch:
    """The first of two words. In the caller's transaction, which holds the database's row. `by`:
    whose it is, where a recovery plan writes it down. Who leads next may be asked beside whether
    the old one is off: either may have to come before the other."""
    _expire(row, actor=actor, now=now)
    same = Q(purpose="choose") if purpose == "choose" else ~Q(purpose="choose")
    if Vouch.objects.filter(same, database=row, state__in=OPEN).exists():
        raise Conflict(f"Somebody vouches for {row} already.", todo="Give the second word.")
    vouch = Vouch(
        database=row,
        epoch=row.epoch,
        purpose=purpose,
        host=host,
        risk=risk,
        requested_by=by or actor.id,
        requested_at=now,
        request_reason=reason,
        expires_at=now + WORD_LIFE,
    )
    return transitions.create([vouch], actor=actor, reason=reason, now=now)[0]


def give_move(*, vouch: Vouch, typed: str, actor: Actor, reason: str, now: datetime) -> Database:
    """The second person's word: the database belongs on its new host from this transaction on."""
    check_typed(vouch.database, typed)
    with transaction.atomic():
        row = Database.objects.select_for_update().get(pk=vouch.database_id)
        check_second(vouch, row, "redeploy", actor.id, now)
        assert vouch.host is not None, "a move says where to"
        _check(row, vouch.host)
        use_word(vouch, actor=actor, reason=reason, now=now)
        old = row.primary.host if row.primary else None
        moved = lead_elsewhere(
            row,
            vouch.host,
            why=f"Moved from {old} with its disk: {reason}",
            said=f"It waits for the disk of {old} on {vouch.host}: its agent starts it there.",
            actor=actor,
            now=now,
        )
        told = f"{row} goes to {vouch.host} with its disk"
        tell_of(row, "moved", told, why=reason, actor=actor, now=now)
        return moved


def use_word(vouch: Vouch, *, by: str = "", actor: Actor, reason: str, now: datetime) -> Vouch:
    """The second of two words, used at once. In the caller's transaction."""
    given = {"given_by": by or actor.id, "given_at": now, "give_reason": reason}
    held = transitions.move(
        vouch, VouchState.GIVEN, actor=actor, reason=reason, now=now, changes=given
    )
    return transitions.move(
        held, VouchState.USED, actor=actor, reason=reason, now=now, changes={"used_at": now}
    )


def lead_elsewhere(
    row: Database, host: Host, *, why: str, said: str, actor: Actor, now: datetime
) -> Database:
    """Its one replica belongs on `host` at a higher epoch; its old host is told of it no more, and
    what still comes from there is late (I-DB-3). In the caller's transaction."""
    assert row.primary is not None, "it was checked"
    changes = {"host": host, "role_at": now, "reason": why}
    replica = transitions.amend(
        row.primary, changes, action="moved", actor=actor, reason=why, now=now
    )
    return raise_epoch(
        database=row,
        replica=replica,
        state=DatabaseState.WAITING,
        changes={"state_at": row.state_at},
        actor=actor,
        reason=said,
        now=now,
    )


def _check(row: Database, host: Host) -> None:
    """As the rows are now, whatever the caller saw."""
    host = Host.objects.select_for_update().get(pk=host.pk)
    if row.plan != Plan.STARTER:
        raise Refused(f"{row} is on the business plan: it fails over to its standby.")
    if row.state != DatabaseState.WAITING or row.primary is None:
        raise Refused(f"{row} does not wait: what serves is not moved.", kept="Nothing changed.")
    if row.adopting is not None:
        raise Refused(f"{row} gets its restored data where it is.", kept="Nothing was changed.")
    if row.primary.host_id == host.pk:
        raise Refused(f"{row} is on {host} already: start that host again.", field="host")
    if reason := _refuse_host(row, host):
        raise Refused(reason, field="host")


def _refuse_host(row: Database, host: Host) -> str:
    if host.datacenter_id != row.datacenter_id:
        return f"{host} is not in {row.datacenter}: that is a recovery plan's to decide."
    if host.verdict != Verdict.ALIVE:
        return f"{host} is {host.verdict}."
    if host.cordoned_at or host.draining_at:
        return f"{host} is cordoned: nothing new goes there."
    taken = Replica.objects.filter(host=host, port=row.port).exclude(state=ReplicaState.RETIRED)
    other = taken.first()
    return f"Port {row.port} of {host} is taken by {other}." if other else ""


def check_second(vouch: Vouch, row: Database, purpose: str, who: str, now: datetime) -> None:
    """Whether this person may give the second word to that first one, about this act, now."""
    if vouch.requested_by == who:
        raise Forbidden("You gave the first word; the second one is somebody else's.")
    if vouch.state != VouchState.ASKED or vouch.purpose != purpose:
        raise Refused(f"That word is {vouch.state}.", todo="Ask anew: look at the machine again.")
    if vouch.expires_at <= now:
        raise Refused("That word has run out.", todo="Ask anew: look at the machine again.")
    if vouch.epoch != row.epoch:
        raise Refused(f"It was about epoch {vouch.epoch}; {row} is in {row.epoch} now.")


def _expire(row: Database, *, actor: Actor, now: datetime) -> None:
    old = Vouch.objects.filter(database=row, state__in=OPEN, expires_at__lte=now)
    transitions.move_many(
        Vouch,
        [one.pk for one in old],
        VouchState.EXPIRED,
        actor=actor,
        reason="Nobody used it in time.",
        now=now,
    )
