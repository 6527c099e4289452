"""What the pages and the API do with restores: find the row, call its action, say what came."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.core import clock
from recovery.core.errors import Conflict, Refused
from recovery.failover import screens as databases
from recovery.inventory.models import Database
from recovery.restores import actions, screens
from recovery.restores.models import Restore


def _database(name: str) -> Database:
    found = databases.find_database(name)
    if found is None:
        raise Refused(f"There is no database {name}.", field="database")
    return found


def restore(
    name: str,
    *,
    source: str,
    host: str,
    to: datetime | None,
    first: UUID | None,
    typed: str,
    actor: Actor,
    reason: str,
) -> str:
    """The first word names replica, moment and host; the second one confirms exactly that."""
    database, now = _database(name), clock.system.now()
    if first is None:
        asked = actions.ask_restore(
            database=database,
            source=source,
            host=host,
            to=to,
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
    begun = actions.give_restore(restore=row, typed=typed, actor=actor, reason=reason, now=now)
    return f"{begun} begins: {name} is restored on {begun.host}. Watch its steps."


def call_off(name: str, actor: Actor, reason: str) -> str:
    """While nothing was switched."""
    _database(name)
    row = screens.find(name)
    if row is None:
        raise Refused(f"No restore of {name} is under way.")
    actions.call_off(restore=row, actor=actor, reason=reason, now=clock.system.now())
    return f"{row} is called off: it ends at the next look, and nothing of it is left."
