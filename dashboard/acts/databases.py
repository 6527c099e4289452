"""What pages and API do with databases: find the row, call its room's action, say what came."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from dashboard.pulse import unwatched
from recovery.audit.facts import Actor
from recovery.controller.databases import failing_domains
from recovery.core import clock
from recovery.core.errors import Conflict, Missing, Refused
from recovery.detection.facts import Part
from recovery.detection.queries import blind_reason, frozen_reason
from recovery.drp.actions.apart import let_copies_follow
from recovery.failover import screens
from recovery.failover.actions import chosen, moves, people, standbys
from recovery.failover.facts import Around
from recovery.failover.models import Failover, Vouch
from recovery.inventory.models import Database, Host, Replica
from recovery.restores import actions as restores
from recovery.restores import screens as restoring
from recovery.restores.models import Restore


def _database(name: str) -> Database:
    found = screens.find_database(name)
    if found is None:
        raise Missing(f"There is no database {name}.", field="database")
    return found


def switch_over(name: str, host: str, actor: Actor, reason: str) -> str:
    """Another primary, planned."""
    database = _database(name)
    target = Replica.objects.filter(database=database, host__name=host).first()
    if target is None:
        raise Missing(f"{name} has no copy on {host}.", field="target")
    begun = people.request_switchover(
        database=database,
        target=target,
        around=_around(),
        failing=failing_domains(),
        actor=actor,
        reason=reason,
        now=clock.system.now(),
    )
    return f"{begun} begins: {name} goes to {host} if that is safe. Watch its phases."


def _around() -> Around:
    """What would stop the controller at its next look, if there is one that looks."""
    blind = blind_reason() or unwatched()
    return Around(paused=frozen_reason(Part.FAILOVER), blind=(blind,) if blind else ())


def call_off(name: str, actor: Actor, reason: str) -> str:
    """Its failover or switchover that is under way, while that is still possible."""
    running = Failover.objects.filter(database=_database(name)).order_by("-number").first()
    if running is None:
        raise Refused(f"No failover of {name} is under way.")
    people.call_off(failover=running, actor=actor, reason=reason, now=clock.system.now())
    return f"{running} is called off: it ends at the next look, and its old primary leads on."


def move(name: str, *, host: str, first: UUID | None, typed: str, actor: Actor, reason: str) -> str:
    """To another host with its disk: the first word names it, the second one confirms it."""
    database, now = _database(name), clock.system.now()
    if first is None:
        target = Host.objects.filter(name=host).first()
        if target is None:
            raise Missing(f"There is no host {host}.", field="host")
        moves.ask_move(
            database=database, host=target, typed=typed, actor=actor, reason=reason, now=now
        )
        return "Your word stands in the log. Nothing happens before a second person gives theirs."
    word = Vouch.objects.select_related("host").get(pk=first, database=database)
    moved = moves.give_move(vouch=word, typed=typed, actor=actor, reason=reason, now=now)
    return f"{moved} belongs on {word.host} now: {moved.state_reason}"


def add_standby(name: str, host: str, actor: Actor, reason: str) -> str:
    """One that leads alone gets somebody who could take over."""
    target = Host.objects.filter(name=host).first()
    if target is None:
        raise Missing(f"There is no host {host}.", field="host")
    made = standbys.add_standby(
        database=_database(name), host=target, actor=actor, reason=reason, now=clock.system.now()
    )
    return f"{made} is made on {host}: its agent clones the primary, then it could take over."


def let_follow(name: str, actor: Actor, reason: str) -> str:
    """Copies that a plan set apart and that no plan has any more."""
    now = clock.system.now()
    gone = let_copies_follow(database=_database(name), actor=actor, reason=reason, now=now)
    names = ", ".join(f"{row} on {row.host}" for row in gone)
    return f"{names}: each follows the primary again, after what only it has is kept on its host."


def allow_failover(name: str, actor: Actor, reason: str) -> str:
    """A second automatic failover need not wait any more."""
    now = clock.system.now()
    people.allow_failover(database=_database(name), actor=actor, reason=reason, now=now)
    return f"{name} may fail over by itself again."


def promote(
    name: str, *, digest: str, first: UUID | None, typed: str, actor: Actor, reason: str
) -> str:
    """A copy that our rules refuse, on the word of one person or two."""
    database = _database(name)
    word = None
    if first is not None:
        word = Vouch.objects.filter(pk=first, database=database).first()
        if word is None:
            raise Missing("There is no such first word.", kept="Nothing was changed.")
    given = chosen.choose_copy(
        database=database,
        digest=digest,
        first=word,
        typed=typed,
        actor=actor,
        reason=reason,
        now=clock.system.now(),
    )
    if given.failover is None:
        return "Your word stands in the log. Nothing happens before a second person gives theirs."
    return (
        f"{given.failover} goes on to {given.replica} on {given.replica.host}: it is promoted as"
        " soon as its old primary is proven to be closed."
    )


def vouch(
    name: str, *, first: UUID | None, risk: str, typed: str, actor: Actor, reason: str
) -> str:
    """The first word, or the second one to the word of this id."""
    database, now = _database(name), clock.system.now()
    if first is None:
        people.ask_vouch(
            database=database, risk=risk, typed=typed, actor=actor, reason=reason, now=now
        )
        return "Your word stands in the log. Nothing happens before a second person gives theirs."
    row = Vouch.objects.select_related("database").get(pk=first, database=database)
    people.give_vouch(vouch=row, typed=typed, actor=actor, reason=reason, now=now)
    return f"Two people vouch now: {name} goes on with its failover."


def restore(
    name: str,
    *,
    source: str,
    host: str,
    to: datetime | None,
    in_place: bool = False,
    first: UUID | None,
    typed: str,
    actor: Actor,
    reason: str,
) -> str:
    """The first word names replica, moment and host; the second one confirms exactly that."""
    database, now = _database(name), clock.system.now()
    if first is None:
        asked = restores.ask_restore(
            database=database,
            source=source,
            host=host,
            to=to,
            in_place=in_place,
            typed=typed,
            actor=actor,
            reason=reason,
            now=now,
        )
        return (
            f"{asked}: your word stands in the log. Nothing happens before a second person gives"
            " theirs, within 30 minutes."
        )
    row = Restore.objects.select_related("database").filter(pk=first, database=database).first()
    if row is None:
        raise Conflict("That restore is not asked for any more.", todo="Look again.")
    begun = restores.give_restore(restore=row, typed=typed, actor=actor, reason=reason, now=now)
    where = f"in its place, on {begun.host}" if begun.in_place else f"on {begun.host}"
    return f"{begun} begins: {name} is restored {where}. Watch its steps."


def call_off_restore(name: str, actor: Actor, reason: str) -> str:
    """While there is a way back."""
    _database(name)
    row = restoring.find(name)
    if row is None:
        raise Refused(f"No restore of {name} is under way.")
    restores.call_off(restore=row, actor=actor, reason=reason, now=clock.system.now())
    return f"{row} is called off: it ends at the next look, and what was there before stays."
