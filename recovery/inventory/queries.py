"""Rows as facts about the fleet that more than one feature decides by."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Max

from recovery.inventory.facts import ReplicaState, deaf_hosts, is_silent
from recovery.inventory.models import Host, HostMemory, ReplicaSight


def deaf_since() -> dict[UUID, datetime]:
    """As `deaf_hosts`, of all."""
    return deaf_hosts(dict(HostMemory.objects.values_list("host_id", "at")))


def host_deaf_since(host: UUID) -> datetime | None:
    """The same of one host, whatever the size of the fleet."""
    rows = HostMemory.objects.all()
    told = rows.filter(pk=host).values_list("at", flat=True).first()
    newest = rows.aggregate(newest=Max("at"))["newest"]
    return deaf_hosts({"it": told, "the newest": newest}).get("it")


def silent_hosts(now: datetime) -> dict[UUID, datetime | None]:
    """Hosts of whose agents nobody hears, by their own words and whatever their verdicts say: those
    stand still while Tocsin is blind. With the newest word of each, None: it never spoke."""
    told: dict[UUID, datetime] = dict(HostMemory.objects.values_list("host_id", "at"))
    rows = ReplicaSight.objects.filter(replica__state=ReplicaState.MEMBER)
    seen = rows.values("replica__host").annotate(newest=Max("at"))
    based: dict[UUID, datetime] = dict(seen.values_list("replica__host", "newest"))
    found = {}
    for host in Host.objects.values_list("pk", flat=True):
        last = max((each[host] for each in (told, based) if host in each), default=None)
        if is_silent(last, now, has_databases=host in based):
            found[host] = last
    return found
