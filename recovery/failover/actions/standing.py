"""How a database stands outside of a failover: serving, degraded, waiting; its lease."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.failover.actions.leases import withdraw_lease
from recovery.inventory.facts import DatabaseState
from recovery.inventory.models import Database


def resume_database(*, database: Database, actor: Actor, reason: str, now: datetime) -> Database:
    """Its primary accepts writes: users are led to it."""
    changes = {
        "routed_epoch": database.epoch,
        "routed_at": now,
        "state_at": now,
        "state_reason": reason,
    }
    return transitions.move(
        database, DatabaseState.SERVING, changes=changes, actor=actor, reason=reason, now=now
    )


def await_host(*, database: Database, actor: Actor, reason: str, now: datetime) -> Database:
    """It waits, and says for what (H8)."""
    changes = {"state_at": now, "state_reason": reason}
    return transitions.move(
        database, DatabaseState.WAITING, changes=changes, actor=actor, reason=reason, now=now
    )


def wait_otherwise(*, database: Database, actor: Actor, reason: str, now: datetime) -> Database:
    """It waits still, since when it did, and now for another reason."""
    changes = {"state_reason": reason}
    return _amend(database, changes, "waits still", actor=actor, reason=reason, now=now)


def degrade_database(*, database: Database, actor: Actor, reason: str, now: datetime) -> Database:
    """From here on a write may be acknowledged by the primary alone, and nobody is promoted.

    The lease goes in the same transaction: nobody could take over, so nobody has to stop.
    """
    withdraw_lease(database=database, actor=actor, reason=reason, now=now)
    changes = {"degraded_at": now, "degraded_reason": reason, "restoring_at": None}
    return _amend(database, changes, "degraded", actor=actor, reason=reason, now=now)


def begin_restoring(*, database: Database, actor: Actor, reason: str, now: datetime) -> Database:
    """Writes wait for the standby again; the record stays until that was seen (I-DB-2)."""
    changes = {"restoring_at": now}
    return _amend(database, changes, "restoring", actor=actor, reason=reason, now=now)


def stop_restoring(*, database: Database, actor: Actor, reason: str, now: datetime) -> Database:
    """The standby went away again before it held everything."""
    changes = {"restoring_at": None}
    return _amend(database, changes, "not restored", actor=actor, reason=reason, now=now)


def restore_database(*, database: Database, actor: Actor, reason: str, now: datetime) -> Database:
    """A standby holds everything that is acknowledged: it could take over again."""
    changes = {"degraded_at": None, "degraded_reason": "", "restoring_at": None}
    return _amend(database, changes, "restored", actor=actor, reason=reason, now=now)


def _amend(
    database: Database,
    changes: Mapping[str, object],
    action: str,
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Database:
    return transitions.amend(database, changes, action=action, actor=actor, reason=reason, now=now)
