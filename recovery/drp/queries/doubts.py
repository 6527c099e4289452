"""What nobody can prove of primaries that nobody hears: who approves a plan answers for it by name.

Invariant: whoever a failover or a fence would find silent (`failover.proofs.prolonging`) is named
here, unless the provider, or somebody on site, said in this very outage that it is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from recovery.brief.facts import Cause
from recovery.brief.queries import Fleet
from recovery.failover.models import Failover, Lease
from recovery.failover.phases import ENDED
from recovery.failover.proofs.prolonging import Promiser, prolonging
from recovery.inventory.facts import Verdict
from recovery.inventory.models import Replica

HEARD = frozenset({Verdict.ALIVE, Verdict.SUSPECT})
Doubts = tuple[tuple[str, str], ...]


def gone_replicas(fleet: Fleet, holder: Replica, mates: Iterable[Replica]) -> frozenset[str]:
    """Of these standbys, those of which somebody who can know says that they are gone, and their
    primary with them: they promised it nothing since."""
    site = holder.host.datacenter
    gone = fleet.gone_hosts(site.name)
    if holder.host_id not in gone:
        return frozenset()
    return frozenset(str(one.pk) for one in mates if one.host_id in gone)


def mates_of(holder: Replica, members: Iterable[Replica]) -> list[Replica]:
    """Whom it may ask for promises (B6)."""
    return [one for one in members if one.may_be_promoted and one.pk != holder.pk]


def doubts(fleet: Fleet) -> Mapping[UUID, Doubts]:
    """Of every database: the replica that is in doubt, and a sentence."""
    leases = {row.database_id: row for row in Lease.objects.all()}
    left = Failover.objects.exclude(phase__in=sorted(ENDED))
    sources = {row.database_id: (row.source_id, row.old_epoch) for row in left}
    found = {}
    for database in fleet.bases.rows.values():
        key, epoch = sources.get(database.pk, (None, 0))
        if database.primary_id is not None:
            key, epoch = database.primary_id, database.epoch
        there = fleet.bases.replicas[database.pk]
        holder = next((one for one in there if one.pk == key), None)
        if holder is not None and holder.host.verdict not in HEARD:
            found[database.pk] = _doubts(fleet, holder, epoch, there, leases.get(database.pk))
    return found


def _doubts(
    fleet: Fleet, holder: Replica, epoch: int, members: list[Replica], lease: Lease | None
) -> Doubts:
    where = f"{holder} on {holder.host.name}"
    mine = lease is not None and (lease.replica_id, lease.epoch) == (holder.pk, epoch)
    if lease is None or not mine or not lease.sequence:
        said = (
            f"{where} lives by no lease that could end, and nobody hears it: it may be written to."
        )
        return ((str(holder.pk), said),)
    mates = mates_of(holder, members)
    gone = gone_replicas(fleet, holder, mates)
    silent = prolonging(
        Promiser(
            str(one.pk),
            f"{one} on {one.host.name}",
            is_heard=one.host.verdict in HEARD,
            is_gone=str(one.pk) in gone,
        )
        for one in mates
    ).silent
    what = f"may have prolonged the lease of {where} unseen, and {_told(fleet, holder)}"
    return tuple((one.replica, f"{one.name}, unheard, {what}") for one in silent)


def _told(fleet: Fleet, holder: Replica) -> str:
    """What is said of the place, in this outage: where it lives on, its users may write on."""
    site = holder.host.datacenter.name
    word = fleet.word(site)
    if word is not None and word.cause is Cause.CUT:
        return f"{word.source} says that {site} is cut off, not gone."
    return "nobody who can know says that it is gone."
