"""Leases: renewed in batches, granted, revoked. The row is the arbiter (B1)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict
from recovery.failover.models import Lease
from recovery.inventory.models import Database, Replica

RENEW = """
WITH told AS (
  SELECT * FROM jsonb_to_recordset(%s::jsonb) AS t(replica uuid, host uuid, epoch bigint,
    incarnation bigint, sequence bigint, echo bigint, position bigint)),
due AS (
  SELECT l.id, t.incarnation, t.sequence, t.echo, t.position
  FROM failover_lease l
  JOIN told t ON t.replica = l.replica_id AND t.epoch = l.epoch
  JOIN inventory_replica r ON r.id = l.replica_id AND r.host_id = t.host
  WHERE NOT l.revoked AND (t.incarnation, t.sequence) > (l.incarnation, l.sequence)
  ORDER BY l.id FOR UPDATE OF l SKIP LOCKED)
UPDATE failover_lease AS l SET incarnation = due.incarnation, sequence = due.sequence,
  echo = due.echo, position = due.position
FROM due WHERE l.id = due.id RETURNING l.replica_id
"""


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


def renew_leases(*, renewals: Sequence[Renewed]) -> list[UUID]:
    """Write these renewals in one statement; the replicas whose lease now has their number.

    Invariant: only the holder's own host, at the lease's own epoch, with a number above the last
    one, while nothing is revoked. A row that is locked is passed over, so that one stuck decision
    stands in no other database's way.
    """
    told = json.dumps([asdict(one) for one in renewals], cls=DjangoJSONEncoder)
    with connection.cursor() as cursor:
        cursor.execute(RENEW, [told])
        return [replica for (replica,) in cursor.fetchall()]


def grant_lease(
    *, database: Database, replica: Replica, actor: Actor, reason: str, now: datetime
) -> Lease:
    """The database's lease is this replica's, at the database's epoch; its numbers begin anew.

    It proves nothing until the holder has renewed it once: before that, nobody knows that it
    lives by it.
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
        return transitions.amend(
            there, fields, action="granted", actor=actor, reason=reason, now=now
        )


def revoke_lease(
    *, database: Database, seen: tuple[int, int, int], actor: Actor, reason: str, now: datetime
) -> Lease:
    """Lock the row, find the very number that the decider saw, and revoke it (B1).

    `seen`: (epoch, incarnation, sequence). Raises `Conflict` when it was renewed meanwhile: then
    its holder lives, and nothing of the decision may be written.
    """
    row = Lease.objects.select_for_update().get(database=database)
    if (row.epoch, row.incarnation, row.sequence) != seen or row.revoked:
        raise Conflict(
            f"The {row} was renewed meanwhile.", kept="Nothing was revoked.", todo="Look again."
        )
    return _end(row, action="revoked", actor=actor, reason=reason, now=now)


def withdraw_lease(*, database: Database, actor: Actor, reason: str, now: datetime) -> None:
    """Nobody could take over, so nobody has to stop: the primary serves without a lease (I-DB-7).

    It is no proof of anything: the holder goes on writing.
    """
    row = Lease.objects.select_for_update().filter(database=database, revoked=False).first()
    if row is not None:
        _end(row, action="withdrawn", actor=actor, reason=reason, now=now)


def _end(row: Lease, *, action: str, actor: Actor, reason: str, now: datetime) -> Lease:
    return transitions.amend(
        row,
        {"revoked": True, "revoked_at": now},
        action=action,
        actor=actor,
        reason=reason,
        now=now,
        evidence={"sequence": row.sequence, "incarnation": row.incarnation, "echo": row.echo},
    )
