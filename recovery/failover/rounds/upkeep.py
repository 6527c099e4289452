"""What follows a database's standing by itself: its lease, and the way back from degraded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.failover.actions import leases, standing
from recovery.failover.facts import Facts
from recovery.failover.policy import Policy
from recovery.failover.rounds.loading import is_follower
from recovery.failover.rounds.rows import Rows
from recovery.failover.trouble import is_self_fencing
from recovery.inventory.facts import DatabaseState
from recovery.inventory.models import Database

Change = Callable[[Actor, datetime], object]
CLOSE_BYTES = 16 * 1024 * 1024
"""A standby this near its primary catches up while writes wait for it."""


def keep_lease(rows: Rows, row: Database, facts: Facts, policy: Policy) -> Change | None:
    """Granted while somebody could take over, withdrawn when nobody could (I-DB-7)."""
    lease = rows.leases.get(row.pk)
    holds = lease is not None and not lease.revoked
    if row.state != DatabaseState.SERVING or row.primary_id is None:
        return None
    wants = is_self_fencing(facts) and facts.protected_for >= policy.resync_steady
    mine = (
        holds
        and lease is not None
        and (lease.replica_id, lease.epoch) == (row.primary_id, row.epoch)
    )
    if not mine and wants:
        primary = next(r for r in rows.replicas[row.pk] if r.pk == row.primary_id)
        why = "A standby could take over: its primary lives by a lease."
        return lambda actor, now: leases.grant_lease(
            database=row, replica=primary, actor=actor, reason=why, now=now
        )
    if holds and not is_self_fencing(facts):
        why = "Nobody could take over: its primary serves without a lease."
        return lambda actor, now: leases.withdraw_lease(
            database=row, actor=actor, reason=why, now=now
        )
    return None


def keep_restoring(rows: Rows, row: Database, facts: Facts, policy: Policy) -> Change | None:
    """A degraded synchronous database waits for its standby again once that is near; the record
    ends when its primary's word shows it synchronous (`restore`)."""
    primary = facts.primary
    if row.degraded_at is None or not facts.database.is_synchronous or primary is None:
        return None
    if primary.age > policy.heard_within:
        return None
    near = any(
        is_follower(one, primary) and primary.position - one.position <= CLOSE_BYTES
        for one in facts.replicas
    )
    if near and row.restoring_at is None:
        why = "A standby follows closely: writes wait for it again."
        return lambda actor, now: standing.begin_restoring(
            database=row, actor=actor, reason=why, now=now
        )
    if (
        not near
        and row.restoring_at is not None
        and facts.unprotected_for >= policy.standby_patience
    ):
        why = "The standby went away again."
        return lambda actor, now: standing.stop_restoring(
            database=row, actor=actor, reason=why, now=now
        )
    return None
