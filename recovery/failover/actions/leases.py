"""Leases: renewed in batches, granted, revoked. The row is the arbiter (B1)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict
from recovery.core.incarnations import SPEAKS
from recovery.failover.actions.epochs import raise_epoch
from recovery.failover.models import Lease
from recovery.inventory.facts import DatabaseState
from recovery.inventory.models import Database, Replica

RENEW = f"""
WITH told AS (
  SELECT * FROM jsonb_to_recordset(%s::jsonb) AS t(replica uuid, host uuid, epoch bigint,
    incarnation bigint, sequence bigint, echo bigint, position bigint)),
due AS (
  SELECT l.id, t.host, t.incarnation, t.sequence, t.echo, t.position
  FROM failover_lease l
  JOIN told t ON t.replica = l.replica_id AND t.epoch = l.epoch
  JOIN inventory_replica r ON r.id = l.replica_id AND r.host_id = t.host
  JOIN inventory_host h ON h.id = r.host_id
  WHERE NOT l.revoked
    AND NOT EXISTS (SELECT FROM failover_fence f
                    WHERE f.datacenter_id = h.datacenter_id AND f.state = 'standing')
    AND (t.incarnation, t.sequence) > (l.incarnation, l.sequence)
    AND {SPEAKS}
  ORDER BY l.id FOR UPDATE OF l SKIP LOCKED)
UPDATE failover_lease AS l SET incarnation = due.incarnation, sequence = due.sequence,
  echo = due.echo, position = due.position
FROM due WHERE l.id = due.id RETURNING due.host, l.replica_id
"""  # noqa: S608 - our own constants


@dataclass(frozen=True, slots=True)
class Renewed:
    """One renewal as `host` sent it."""

    replica: UUID
    host: UUID
    epoch: int
    incarnation: int
    sequence: int
    echo: int
    position: int


def renew_leases(*, renewals: Sequence[Renewed]) -> list[tuple[UUID, UUID]]:
    """Write these renewals in one statement; the (host, replica) whose lease now has their number.

    Invariant: only the holder's own host, at the lease's own epoch, with a number above the last
    one, while nothing is revoked, no fence stands around it and the rows are not in doubt (B11). A
    row that is locked is passed over, so that one stuck decision stands in no other's way.
    """
    told = json.dumps([asdict(one) for one in renewals], cls=DjangoJSONEncoder)
    with connection.cursor() as cursor:
        cursor.execute(RENEW, [told])
        return [(host, replica) for host, replica in cursor.fetchall()]


def grant_lease(
    *, database: Database, replica: Replica, actor: Actor, reason: str, now: datetime
) -> Lease:
    """The database's lease is this replica's, at the database's epoch; its numbers begin anew.

    It proves nothing until the holder has renewed it once: before that, nobody knows that it
    lives by it. One that follows a withdrawn lease begins a new epoch, so that a renewal of the
    old one, late on its way, cannot look like the first of this one.
    """
    fields: dict[str, object] = {
        "replica": replica,
        "epoch": database.epoch,
        "incarnation": 0,
        "sequence": 0,
        "echo": 0,
        "position": 0,
        "revoked": False,
        "granted_at": now,
        "revoked_at": None,
    }
    with transaction.atomic():
        there = Lease.objects.select_for_update().filter(database=database).first()
        if there is None:
            row = Lease(database=database, replica=replica, epoch=database.epoch, granted_at=now)
            return transitions.create([row], actor=actor, reason=reason, now=now)[0]
        if there.epoch == database.epoch:
            fields["epoch"] = _next_epoch(database, replica, actor=actor, reason=reason, now=now)
        return transitions.amend(
            there, fields, action="granted", actor=actor, reason=reason, now=now
        )


def _next_epoch(
    database: Database, replica: Replica, *, actor: Actor, reason: str, now: datetime
) -> int:
    number = database.epoch + 1
    raised = raise_epoch(
        database=database,
        replica=replica,
        state=DatabaseState(database.state),
        changes={"routed_epoch": number, "routed_at": now},
        actor=actor,
        reason=reason,
        now=now,
    )
    return raised.epoch


def revoke_lease(
    *,
    database: Database,
    seen: tuple[int, int, int] | None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    """Lock the row, find the very number that the decider saw, and revoke it (B1).

    `seen`: (epoch, incarnation, sequence); None: another proof is in hand or asked for. Raises
    `Conflict` when it was renewed meanwhile: then its holder lives, and nothing of the decision
    may be written. The number stays: its end may become the proof.
    """
    row = Lease.objects.select_for_update().filter(database=database).first()
    if seen is not None and (row is None or _number(row) != seen or row.revoked):
        raise Conflict(
            f"The lease of {database} was renewed meanwhile.",
            kept="Nothing was revoked.",
            todo="Look again.",
        )
    if row is not None and not row.revoked:
        _end(row, {}, action="revoked", actor=actor, reason=reason, now=now)


def withdraw_lease(*, database: Database, actor: Actor, reason: str, now: datetime) -> None:
    """Nobody could take over, so nobody has to stop: the primary serves without a lease (I-DB-7).

    Invariant: it is no proof of anything, for its holder goes on writing: its number is gone.
    """
    row = Lease.objects.select_for_update().filter(database=database, revoked=False).first()
    if row is not None:
        void = {"sequence": 0, "incarnation": 0}
        _end(row, void, action="withdrawn", actor=actor, reason=reason, now=now)


def _number(row: Lease) -> tuple[int, int, int]:
    return row.epoch, row.incarnation, row.sequence


def _end(
    row: Lease,
    changes: Mapping[str, object],
    *,
    action: str,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    transitions.amend(
        row,
        {"revoked": True, "revoked_at": now, **changes},
        action=action,
        actor=actor,
        reason=reason,
        now=now,
        evidence={"sequence": row.sequence, "incarnation": row.incarnation, "echo": row.echo},
    )
