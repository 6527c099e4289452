"""Rows in doubt (B11): what agents say that the rows do not know."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, Max

from recovery.core import incarnations
from recovery.core.models import Leader
from recovery.failover.doubt.reconcile import Claim, Recorded, reconcile
from recovery.inventory.facts import ReplicaState, Verdict
from recovery.inventory.models import Database, Host, HostMemory, Replica, ReplicaSight


def ahead_of_rows() -> str:
    """What an agent knows and these rows do not, in a sentence, or nothing."""
    leads = Leader.objects.values_list("epoch", flat=True).first() or 0
    met = HostMemory.objects.aggregate(newest=Max("leader_epoch"))["newest"] or 0
    if met > leads:
        return f"An agent has met a leader of epoch {met}, and these rows know of {leads}."
    sight = (
        ReplicaSight.objects.filter(epoch__gt=F("replica__database__epoch"))
        .exclude(replica__state=ReplicaState.RETIRED)
        .select_related("replica__database", "replica__host")
        .first()
    )
    if sight is None:
        return ""
    replica = sight.replica
    return (
        f"{replica.host} knows epoch {sight.epoch} of {replica.database}, and these rows"
        f" {replica.database.epoch}."
    )


def missing_of(since: datetime) -> list[str]:
    """Hosts that are not known to be lost and were not heard since then, with a database on them:
    who leads it is not known without their word."""
    rows = Replica.objects.exclude(state=ReplicaState.RETIRED).exclude(host__verdict=Verdict.LOST)
    told = ReplicaSight.objects.filter(at__gt=since).values("replica")
    return sorted(set(rows.exclude(pk__in=told).values_list("host__name", flat=True)))


def databases_in_doubt(since: datetime) -> dict[UUID, Recorded]:
    """Every database with what its agents said since then."""
    copies: dict[UUID, list[Replica]] = defaultdict(list)
    rows = Replica.objects.exclude(state=ReplicaState.RETIRED).select_related("host", "sight")
    for row in rows.order_by("number"):
        copies[row.database_id].append(row)
    return {
        base.pk: Recorded(
            base.name,
            base.epoch,
            str(base.primary_id or ""),
            tuple(_claim(copy, since) for copy in copies[base.pk]),
        )
        for base in Database.objects.order_by("name")
    }


def _claim(copy: Replica, since: datetime) -> Claim:
    sight = getattr(copy, "sight", None)
    if sight is None or sight.at <= since:
        return Claim(str(copy.pk), copy.host.name)
    return Claim(
        str(copy.pk),
        copy.host.name,
        is_heard=True,
        role=sight.role,
        epoch=sight.epoch,
        is_running=sight.state == "running",
        is_writable=sight.is_writable,
    )


@dataclass(frozen=True, slots=True)
class DoubtView:
    """Why nothing is decided, what is known of the world meanwhile, and what stands in the way.

    `differs`: (database, what the rows do not know of it); `silent`: hosts without whose word it
    is not known who leads there."""

    number: int
    cause: str
    since: datetime
    heard: int
    hosts: int
    differs: tuple[tuple[str, str], ...]
    silent: tuple[str, ...]
    refusals: tuple[str, ...]


def doubt() -> DoubtView | None:
    """The rows' doubt as it stands, if they are in doubt."""
    row = incarnations.newest()
    if row is None or row.state == "settled":
        return None
    found = [reconcile(base) for base in databases_in_doubt(row.began_at).values()]
    hosts = Host.objects.filter(enrolled_at__isnull=False)
    return DoubtView(
        number=row.number,
        cause=row.cause,
        since=row.began_at,
        heard=hosts.filter(memory__at__gt=row.began_at).count(),
        hosts=hosts.count(),
        differs=tuple((one.name, words) for one in found for words in one.differs),
        silent=tuple(missing_of(row.began_at)),
        refusals=tuple(one.refusal for one in found if one.refusal),
    )
