"""Two people restore a database elsewhere, or in its own place to a moment; one calls it off.

Invariants: each typed the database's name, or put their name to a plan that shows it; both words
are about one epoch, one replica, one moment and one host, and what does not hold any more is not
begun; one unfinished restore of a database at a time, and none while a failover of it is under way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from recovery.audit.facts import Actor
from recovery.backups.models import BackupReplica
from recovery.backups.words import instant
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.failover.actions.moves import ask_word, check_second, use_word
from recovery.failover.actions.people import check_typed
from recovery.inventory.facts import Plan
from recovery.inventory.models import Database, Host
from recovery.restores import lost, queries, standings
from recovery.restores.actions.steps import note_step, reach
from recovery.restores.agreed import refuse_less
from recovery.restores.facts import UNFINISHED, Choice, Phase, Place, may_call_off
from recovery.restores.in_place import refuse_here, refuse_moment
from recovery.restores.lost import is_down
from recovery.restores.models import Restore


@dataclass(frozen=True, slots=True)
class Words:
    """Of two people who agreed to a plan: `quoted`: the moment up to which it says that everything
    comes back."""

    first: str
    second: str
    quoted: datetime


def ask_restore(
    *,
    database: Database,
    source: str = "",
    host: str = "",
    to: datetime | None = None,
    in_place: bool = False,
    typed: str,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Restore:
    """The first person's word: what is lost, from which replica (a key, else the best) and where to
    (a key, else the best; `in_place`: where it is). Nothing happens before a second one gives
    theirs."""
    check_typed(database, typed)
    with transaction.atomic():
        row = Database.objects.select_for_update().get(pk=database.pk)
        _check(row, now, in_place=in_place)
        choice = queries.choice_for(row, source)
        place = queries.here(row) if in_place else queries.place_for(row, host)
        wish = Wish(choice, place, to, in_place)
        return _asked(row, wish, actor=actor, reason=reason, now=now)


@dataclass(frozen=True, slots=True)
class Wish:
    """What two people are to agree to."""

    choice: Choice
    place: Place
    to: datetime | None = None
    in_place: bool = False


def commission_restore(
    *,
    database: Database,
    source: str,
    site: str,
    words: Words,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Restore:
    """Both words at once, which a recovery plan carries: into this datacenter, from this replica,
    and with no greater loss than was quoted. All of it or, where it is refused, nothing."""
    with transaction.atomic():
        row = Database.objects.select_for_update().get(pk=database.pk)
        _check(row, now, in_place=False)
        choice, place = queries.choice_for(row, source), queries.place_in(row, site)
        if less := refuse_less(choice, words.quoted):
            raise Refused(less, field="source", kept="Nothing was begun.")
        wish = Wish(choice, place)
        asked = _asked(row, wish, words=words, actor=actor, reason=reason, now=now)
        check_second(asked.vouch, row, "restore", words.second, now)
        use_word(asked.vouch, by=words.second, actor=actor, reason=reason, now=now)
        said = f"{words.first} and {words.second} agreed: {reason}"
        return reach(asked, Phase.CHOOSE, actor=actor, reason=said, now=now)


def _asked(
    row: Database,
    wish: Wish,
    *,
    words: Words | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Restore:
    choice, place, to = wish.choice, wish.place, wish.to
    found, host = choice.source, place.host
    if found is None or found.at is None:
        raise Refused(" ".join([choice.reason, *choice.why_not]), field="source")
    if host is None:
        raise Refused(" ".join([place.reason, *place.why_not]), field="host")
    if refusal := refuse_moment(found, to, queries.usable_beside(row, found)):
        raise Refused(refusal, field="to")
    quoted, first = (words.quoted, words.first) if words else (found.at, actor.id)
    risk = say_risk(row, to or quoted, now, in_place=wish.in_place, exact=to is not None)
    target = Host.objects.get(pk=host.key)
    why = " ".join([choice.reason, *choice.why_not, place.reason])
    vouch = ask_word(
        row, target, purpose="restore", risk=risk, by=first, actor=actor, reason=reason, now=now
    )
    asked = Restore(
        number=_number(),
        database=row,
        source=BackupReplica.objects.get(pk=found.key),
        host=target,
        vouch=vouch,
        phase_at=now,
        why=why,
        old_host=old_hosts(row)[:80],
        old_epoch=row.epoch,
        quoted=quoted,
        to=to,
        in_place=wish.in_place,
        asked_at=now,
    )
    transitions.create([asked], actor=actor, reason=reason, now=now)
    note_step(asked, Phase.ASKED, actor=actor, reason=f"{first}: {reason} {why}", now=now)
    return asked


def say_risk(
    row: Database, upto: datetime, now: datetime, *, in_place: bool = False, exact: bool = False
) -> str:
    """What both people agree to: a moment, never an age, which is another one for each of them.
    `exact`: one of them wrote it, and both are to see all of it."""
    after = instant(upto, now, exact=exact)
    if in_place:
        return _risk_here(row, after, now)
    hosts = old_hosts(row)
    back = f"{hosts} {'come' if ' and ' in hosts else 'comes'}"
    said = (
        f"Everything that {row} acknowledged after {after} is lost for good,"
        f" also where {back} back: what is there then is set aside."
    )
    if row.plan != Plan.BUSINESS:
        return said
    return (
        f"{said} If its hosts are only cut off and somebody still writes to them there, that is"
        " lost too: make sure that they are off. It has no standby afterwards, and nobody takes"
        " over from it until it gets one."
    )


def _risk_here(row: Database, after: str, now: datetime) -> str:
    host = row.primary.host if row.primary else "its host"
    said = (
        f"Everything that {row} acknowledged after {after}, and all that it"
        " acknowledges until the restored data take its place, is lost to its users."
        f"{_serves_until(row, now)} What {host} has now is set aside there, for 14 days, and serves"
        " again if they do not start."
    )
    if row.plan != Plan.BUSINESS:
        return said
    return (
        f"{said} Its standbys are given up: they hold what is to go. They are set apart until the"
        " restored data serve; then it has none, and nobody takes over from it until it gets one."
    )


def _serves_until(row: Database, now: datetime) -> str:
    if is_down(standings.standing_of(row, standings.heard_at(now))):
        return " Its data do not start now; if they do meanwhile, they are replaced all the same."
    return " It serves until they are proven, then it is down for some seconds."


def old_hosts(row: Database) -> str:
    """Where its copies were."""
    names = standings.hosts_of(row)
    return " and ".join(names) or "its old host"


def _number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('restore_number')")
        (number,) = cursor.fetchone() or (0,)
    return int(number)


def _check(row: Database, now: datetime, *, in_place: bool) -> None:
    """As the rows are now, whatever the caller saw."""
    running = Restore.objects.filter(database=row, phase__in=sorted(UNFINISHED)).first()
    if running is not None:
        todo = "Give the second word." if running.phase == Phase.ASKED else "Wait for its end."
        raise Conflict(f"{running} restores {row} already, in {running.phase}.", todo=todo)
    if refusal := refuse(row, now, in_place=in_place):
        raise Refused(refusal, kept="Nothing was changed.")


def refuse(row: Database, now: datetime, *, in_place: bool = False) -> str:
    """Why this database is not restored elsewhere, or where it is, now; empty where it may be."""
    standing = standings.standing_of(row, standings.heard_at(now))
    return refuse_here(standing) if in_place else lost.refuse(standing)


def give_restore(
    *, restore: Restore, typed: str, actor: Actor, reason: str, now: datetime
) -> Restore:
    """The second person's word: it begins."""
    check_typed(restore.database, typed)
    with transaction.atomic():
        database = Database.objects.select_for_update().get(pk=restore.database_id)
        row = queries.load(restore.pk)
        if row.phase != Phase.ASKED:
            raise Conflict(f"{row} is in {row.phase}: it waits for no word any more.")
        check_second(row.vouch, database, "restore", actor.id, now)
        if refusal := refuse(database, now, in_place=row.in_place):
            raise Refused(refusal, kept="Nothing was changed.")
        use_word(row.vouch, actor=actor, reason=reason, now=now)
        said = f"{row.vouch.requested_by} and {actor.id} agreed: {reason}"
        return reach(row, Phase.CHOOSE, actor=actor, reason=said, now=now)


def call_off(*, restore: Restore, actor: Actor, reason: str, now: datetime) -> Restore:
    """It ends at the next look, and what is staged is dropped. Elsewhere `Refused` from the switch
    on; in place what was there before serves again, unless what was restored serves by then."""
    with transaction.atomic():
        row = Restore.objects.select_for_update().get(pk=restore.pk)
        if row.called_off:
            raise Conflict(f"{row.called_off} called {row} off already.")
        if not may_call_off(row.phase, in_place=row.in_place):
            raise Refused(
                f"{row} is in {row.phase}: too late to call it off.",
                kept=f"{row.database} belongs on {row.host}.",
            )
        changes = {"called_off": actor.id}
        return transitions.amend(
            row, changes, action="called off", actor=actor, reason=reason, now=now
        )
