"""Rows of databases as facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import F, Max

from recovery.failover.models import Fence, Lease
from recovery.failover.policy import Policy
from recovery.failover.terms import TERMS
from recovery.inventory.facts import Profile
from recovery.inventory.models import Epoch, Host, Replica


@dataclass(frozen=True, slots=True)
class FenceView:
    """A fence that stands: of which datacenter, by which run, for whom, since when, and what of it
    is proven."""

    site: str
    run: str
    by: str
    since: datetime
    told: str


def standing_fences() -> tuple[FenceView, ...]:
    """The oldest of each datacenter."""
    rows = Fence.objects.filter(state="standing").select_related("datacenter")
    views = (
        FenceView(row.datacenter.name, row.run_name, row.by, row.fenced_at, row.told)
        for row in rows.order_by("-fenced_at")
    )
    return tuple({view.site: view for view in views}.values())


def fenced_sites() -> frozenset[str]:
    """Datacenters that are fenced, by name."""
    rows = Fence.objects.filter(state="standing")
    return frozenset(rows.values_list("datacenter__name", flat=True))


def fenced_hosts(hosts: Collection[UUID] | None = None) -> frozenset[UUID]:
    """Of these hosts, or of all, those whose datacenter is fenced."""
    fenced = Fence.objects.filter(state="standing").values("datacenter")
    rows = Host.objects.filter(datacenter__in=fenced)
    if hosts is not None:
        rows = rows.filter(pk__in=hosts)
    return frozenset(rows.values_list("pk", flat=True))


def fenced_until(databases: Collection[UUID]) -> dict[UUID, int]:
    """By replica, the epoch that its database had when the last fence of its datacenter was lifted:
    who was away meanwhile was never told that it was set apart."""
    lifted = Fence.objects.filter(state="lifted").values("datacenter")
    ended = dict(lifted.annotate(at=Max("lifted_at")).values_list("datacenter", "at"))
    if not ended:
        return {}
    began: dict[UUID, list[tuple[int, datetime]]] = defaultdict(list)
    epochs = Epoch.objects.filter(database__in=databases)
    for database, number, at in epochs.values_list("database", "number", "began_at"):
        began[database].append((number, at))
    rows = Replica.objects.filter(database__in=databases, host__datacenter__in=list(ended))
    found = {}
    for pk, database, site in rows.values_list("pk", "database", "host__datacenter"):
        numbers = [number for number, at in began[database] if at <= ended[site]]
        found[pk] = max(numbers, default=0)
    return found


def lease_spacing(replicas: Collection[UUID]) -> dict[UUID, float]:
    """Seconds between the renewals of each of these replicas that holds a lease."""
    rows = Lease.objects.filter(replica__in=replicas).values_list("replica_id", "database__profile")
    return {replica: TERMS[Profile(profile)].every for replica, profile in rows}


def current_policy() -> Policy:
    """The thresholds in force."""
    return Policy(healthy_for=float(settings.TOCSIN_STANDBY_WELL))


def self_fencing(databases: Collection[UUID]) -> set[UUID]:
    """Which of these have a primary that lives by its lease now: it renewed it in this epoch, and
    nobody ended it. A lease is granted before its holder hears of it; until then it serves without
    one, and no end of that lease proves anything."""
    rows = Lease.objects.filter(
        database__in=databases,
        revoked=False,
        sequence__gt=0,
        epoch=F("database__epoch"),
        replica=F("database__primary"),
    )
    return set(rows.values_list("database_id", flat=True))
