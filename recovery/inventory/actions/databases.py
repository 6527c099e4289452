"""Databases and their replicas: described, seen, retired. Who leads is `failover`'s to write."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.db import connection, transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.inventory.actions.describing import register
from recovery.inventory.facts import (
    DatabaseDescription,
    DatabaseState,
    Plan,
    ReplicaState,
    Role,
)
from recovery.inventory.models import Database, Datacenter, Epoch, Host, Replica

FIXED = ("engine", "plan", "durability", "profile")
_LAST_WORDS = ("system", "version", "timeline", "position", "standbys", "settings", "epoch")
SILENT_FOR = timedelta(seconds=6)
"""Three looks of an agent without an answer: then a server is down although its process runs."""
SEEN = """
INSERT INTO inventory_replicasight AS old
  (replica_id, at, heard, state, role, epoch, is_writable, position, fact)
SELECT s.replica, %s, 1, s.state, s.role, s.epoch, s.is_writable, s.position, s.fact
FROM jsonb_to_recordset(%s::jsonb) AS s(replica uuid, state text, role text, epoch bigint,
  is_writable boolean, position bigint, fact jsonb)
ORDER BY s.replica
ON CONFLICT (replica_id) DO UPDATE SET at = excluded.at, heard = old.heard + 1,
  state = excluded.state, role = excluded.role, epoch = excluded.epoch,
  is_writable = excluded.is_writable,
  position = CASE WHEN {silent} THEN old.position ELSE excluded.position END,
  fact = CASE WHEN {silent} THEN excluded.fact || jsonb_build_object({word})
         ELSE excluded.fact END
""".format(
    silent=(
        "excluded.fact->>'version' = '' AND old.fact->>'version' <> ''"
        " AND excluded.state NOT IN ('absent', 'making')"
    ),
    word=", ".join(f"'{name}', old.fact->'{name}'" for name in _LAST_WORDS),
)
"""A server on its own data that says nothing is what it was by its last word: whose copy, how far,
who followed it then, under the terms of which epoch. By that its successor is chosen, as for a lost
host."""


def make_secret() -> str:
    """What the members of one database share."""
    return secrets.token_hex(32)


def register_database(
    *,
    description: DatabaseDescription,
    datacenter: Datacenter,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Database:
    """The database of this name, made or brought up to date. What it is cannot be changed by a
    description: its engine, its plan, its place. Nor what its primary was promised by and lives
    by, durability and profile: whoever waits for the end of its lease, or holds that nothing
    acknowledged is lost, would go by the new words while it still goes by the old ones."""
    if refusal := description.refusal():
        raise Refused(refusal, field="database")
    fields = {name: _plain(value) for name, value in asdict(description).items()}
    name = description.name
    del fields["name"]
    fixed = {key: fields.pop(key) for key in FIXED} | {"datacenter": datacenter}
    with transaction.atomic():
        there = Database.objects.filter(name=name).first()
        if there is not None:
            return describe_database(
                database=there, fixed=fixed, fields=fields, actor=actor, reason=reason, now=now
            )
        first = {"state_at": now, "state_reason": "Being made."}
        made = Database(name=name, **fixed, **fields, **first)
        made.keep_secret(make_secret())
        transitions.create([made], actor=actor, reason=reason, now=now)
        began = Epoch(database=made, number=made.epoch, reason=reason, began_at=now)
        transitions.create([began], actor=actor, reason=reason, now=now)
    return made


def _plain(value: object) -> object:
    return str(value) if isinstance(value, StrEnum) else value


def describe_database(
    *,
    database: Database,
    fixed: Mapping[str, object],
    fields: Mapping[str, object],
    actor: Actor,
    reason: str,
    now: datetime,
) -> Database:
    """Bring the row up to date; `Refused` where `fixed` names another thing than it is."""
    for name, value in fixed.items():
        if getattr(database, name) != value:
            raise Refused(
                f"{database} is {name} {getattr(database, name)}, and a description does not"
                f" make it {value}.",
                field=name,
                kept="Its data and its other settings are as they were.",
            )
    key = {"name": database.name}
    return register(Database, key, fields, actor=actor, reason=reason, now=now)


def register_replica(
    *,
    database: Database,
    host: Host,
    number: int,
    role: Role,
    may_be_promoted: bool = True,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Replica:
    """Copy `number` of the database on this host. Its role is described once: afterwards only a
    failover changes it. The first primary leads the database's first epoch."""
    with transaction.atomic():
        there = Replica.objects.filter(database=database, number=number).first()
        if there is not None:
            return _keep_replica(there, host, may_be_promoted, actor=actor, reason=reason, now=now)
        _check_seat(database, host, role)
        row = Replica(
            database=database,
            host=host,
            number=number,
            port=database.port,
            role=str(role),
            may_be_promoted=may_be_promoted,
            role_at=now,
        )
        transitions.create([row], actor=actor, reason=reason, now=now)
        if role is Role.PRIMARY:
            _begin_first_epoch(database, row, actor=actor, reason=reason, now=now)
    return row


def _check_seat(database: Database, host: Host, role: Role) -> None:
    if role is Role.STANDBY and database.plan == Plan.STARTER:
        raise Refused(f"{database} is on the starter plan: it has no standby.", field="role")
    if role is Role.PRIMARY and host.datacenter_id != database.datacenter_id:
        raise Refused(
            f"{host} is not in {database.datacenter}, where {database} belongs.", field="host"
        )


def _keep_replica(
    there: Replica,
    host: Host,
    may_be_promoted: bool,
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Replica:
    if there.host_id != host.pk:
        raise Refused(
            f"{there} is on {there.host}, and a description does not move it.", field="host"
        )
    if there.may_be_promoted == may_be_promoted:
        return there
    changes = {"may_be_promoted": may_be_promoted}
    return transitions.amend(
        there, changes, action="described", actor=actor, reason=reason, now=now
    )


def _begin_first_epoch(
    database: Database, replica: Replica, *, actor: Actor, reason: str, now: datetime
) -> None:
    """While it is being made, and never led: later only a failover names a primary."""
    row = Database.objects.select_for_update().get(pk=database.pk)
    if row.primary_id or row.state != DatabaseState.MAKING:
        raise Refused(f"{row} has had a primary; a description names no other.", field="role")
    epoch = Epoch.objects.get(database=row, number=row.epoch)
    leads: list[tuple[Database | Epoch, dict[str, object]]]
    leads = [(row, {"primary": replica}), (epoch, {"replica": replica})]
    for each, changes in leads:
        transitions.amend(
            each, changes, action="primary named", actor=actor, reason=reason, now=now
        )
    database.refresh_from_db()


def retire_replica(*, replica: Replica, actor: Actor, reason: str, now: datetime) -> Replica:
    """It is no copy of its database any more; what is on its disk stays there (I-DB-5)."""
    if replica.role == Role.PRIMARY:
        raise Refused(f"{replica} is the primary: it cannot be retired.", field="replica")
    changes = {"role": str(Role.OUT), "role_at": now, "reason": reason}
    return transitions.move(
        replica, ReplicaState.RETIRED, changes=changes, actor=actor, reason=reason, now=now
    )


def see_replicas(*, seen: Mapping[UUID, Mapping[str, object]], now: datetime) -> None:
    """Write the newest facts of these replicas: one statement, no entry (a sight is no state)."""
    if not seen:
        return
    rows: Sequence[Mapping[str, object]] = [
        {
            "replica": str(replica),
            "state": _state_of(fact),
            "role": fact["role"],
            "epoch": fact["epoch"],
            "is_writable": fact["is_writable"],
            "position": fact["position"],
            "fact": fact,
        }
        for replica, fact in seen.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(SEEN, [now, json.dumps(rows)])


def _state_of(fact: Mapping[str, object]) -> object:
    """What its agent says; *silent* where the process runs and missed too few looks to be called
    down. Nobody is replaced, restarted or rung for by that: it may be its host that is slow."""
    silent = fact.get("silent_ms", 0)
    is_brief = isinstance(silent, int) and 0 < silent < SILENT_FOR / timedelta(milliseconds=1)
    return "silent" if fact["state"] == "down" and is_brief else fact["state"]
