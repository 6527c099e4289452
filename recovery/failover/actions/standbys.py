"""A business database that leads alone gets a standby: one person decides where, nothing is risked.

Invariants: it stands in the datacenter of its primary (nobody is promoted across), on another host
that lives and has room for its port; it is made empty and cloned by its agent, so no data are
overwritten; until it holds everything, the database stays recorded as degraded (I-DB-2).
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Max

from recovery.audit.facts import Actor
from recovery.core.errors import Refused
from recovery.failover.rounds.telling import tell_of
from recovery.inventory.actions import register_replica
from recovery.inventory.facts import DatabaseState, Plan, ReplicaState, Role, Verdict
from recovery.inventory.models import Database, Host, Replica


def add_standby(
    *, database: Database, host: Host, actor: Actor, reason: str, now: datetime
) -> Replica:
    """Its row; the host's agent finds it in its list and clones the primary."""
    with transaction.atomic():
        row = Database.objects.select_for_update().get(pk=database.pk)
        target = Host.objects.select_for_update().get(pk=host.pk)
        if refusal := refuse_standby(row):
            raise Refused(refusal, kept="Nothing was changed.")
        if refusal := refuse_seat(row, target):
            raise Refused(refusal, field="host", kept="Nothing was changed.")
        last = Replica.objects.filter(database=row).aggregate(most=Max("number"))["most"] or 0
        replica = register_replica(
            database=row,
            host=target,
            number=last + 1,
            role=Role.STANDBY,
            actor=actor,
            reason=reason,
            now=now,
        )
        said = f"{row} gets a standby on {target}"
        tell_of(row, "standby", said, why=reason, actor=actor, now=now)
        return replica


def refuse_standby(row: Database) -> str:
    """Why this database gets none now; empty where it may."""
    if row.plan != Plan.BUSINESS:
        return f"{row} is on the starter plan: it has no standby."
    if row.state != DatabaseState.SERVING or row.primary is None:
        return f"{row} is {row.state}: there is nobody to follow."
    others = Replica.objects.filter(database=row).exclude(pk=row.primary.pk)
    other = others.exclude(state=ReplicaState.RETIRED).select_related("host").first()
    if other is not None:
        return f"{row} has {other} on {other.host} already."
    return ""


def refuse_seat(row: Database, host: Host) -> str:
    """Why this host cannot take its standby; empty where it can."""
    assert row.primary is not None, "it was checked"
    lead = row.primary.host
    if host.pk == lead.pk:
        return f"{host} has its primary."
    if host.datacenter_id != lead.datacenter_id:
        return (
            f"{host} is not in {lead.datacenter}, where its primary is: nobody is promoted across."
        )
    if host.verdict != Verdict.ALIVE or host.quarantined_at is not None:
        return f"{host} is {'not trusted yet' if host.quarantined_at else host.verdict}."
    if host.cordoned_at or host.draining_at:
        return f"{host} is cordoned: nothing new goes there."
    taken = Replica.objects.filter(host=host, port=row.port).exclude(state=ReplicaState.RETIRED)
    other = taken.first()
    return f"Port {row.port} of {host} is taken by {other}." if other else ""


def seats_for(name: str) -> list[str]:
    """Hosts that could take it, those of another rack first."""
    row = Database.objects.select_related("primary__host").filter(name=name).first()
    if row is None or row.primary is None:
        return []
    lead = row.primary.host
    hosts = Host.objects.filter(datacenter=lead.datacenter_id).order_by("name")
    usable = [host for host in hosts if not refuse_seat(row, host)]
    return [host.name for host in sorted(usable, key=lambda one: one.rack_id == lead.rack_id)]
