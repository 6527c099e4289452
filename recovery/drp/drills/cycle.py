"""The end of every drill: what it began is taken out of its hosts' lists, and rung for until they
have seen it gone. The leader's, whatever ended the run, and whoever led then."""

from __future__ import annotations

from datetime import datetime

import structlog

from recovery.audit.facts import Actor
from recovery.core import control, incarnations
from recovery.core.errors import Conflict, Refused
from recovery.drp.drills import actions, queries
from recovery.drp.drills.decide import UNPROVEN_SECONDS

log = structlog.get_logger()


def clean_up(*, actor: Actor, now: datetime, patience: float = UNPROVEN_SECONDS) -> int:
    """One look; how many things were taken out of their lists. `patience`: until it rings."""
    if incarnations.quarantine_reason() or not queries.has_hosts():
        return 0
    removed = sum(_removed(actor, now, str(thing.pk)) for thing in queries.left_behind())
    with control.deciding(actor.epoch):
        actions.ring_unproven(patience=patience, actor=actor, now=now)
    return removed


def _removed(actor: Actor, now: datetime, key: str) -> int:
    """Each in a transaction of its own: one whose volume is held just now keeps no other."""
    try:
        with control.deciding(actor.epoch):
            things = [row for row in queries.left_behind() if str(row.pk) == key]
            reason = (
                "Its drill is over." if things and not things[0].said else "It came to nothing."
            )
            return actions.remove_things(things=things, actor=actor, reason=reason, now=now)
    except (Conflict, Refused) as error:
        log.info("not this round", step="clean-up of a drill", reason=str(error))
        return 0
