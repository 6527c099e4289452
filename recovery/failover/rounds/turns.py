"""Who may revoke now when many databases are hurt at once: rows for `pace`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from recovery.failover.facts import NEVER
from recovery.failover.models import Failover
from recovery.failover.pace import MINUTE, Asking, Running, pace
from recovery.failover.phases import FailoverKind, Phase
from recovery.failover.policy import Policy
from recovery.failover.rounds.rows import Rows
from recovery.inventory.facts import Durability, Plan, Role
from recovery.inventory.models import Database


def turns_of(rows: Rows, policy: Policy, now: datetime) -> Mapping[UUID, str]:
    """Why each failover that is about to revoke has to wait for others, if so."""
    asking, running = [], []
    for key, row in rows.failovers.items():
        if row.kind == FailoverKind.RESTART:
            continue
        if row.phase == Phase.ANALYSE:
            asking.append(_asking(rows, rows.databases[key], row, now))
        else:
            running.append(_running(row, now))
    return {UUID(key): why for key, why in pace(asking, running, policy).items()}


def _asking(rows: Rows, database: Database, row: Failover, now: datetime) -> Asking:
    receiver = next((r for r in rows.replicas[database.pk] if r.role == Role.STANDBY), None)
    return Asking(
        database=str(database.pk),
        name=database.name,
        plan=Plan(database.plan),
        is_synchronous=database.durability == Durability.SYNCHRONOUS,
        priority=database.priority,
        service_left=NEVER,
        receiver=str(receiver.host_id) if receiver else "",
        since=(now - row.began_at).total_seconds(),
    )


def _running(row: Failover, now: datetime) -> Running:
    age = (now - row.analysed_at).total_seconds() if row.analysed_at else MINUTE
    receiver = str(row.target.host_id) if row.target else ""
    return Running(str(row.database_id), receiver, age, is_finished=row.phase == Phase.REBUILD)
