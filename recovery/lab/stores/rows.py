"""The stores of the lab's file as rows, and which replicas of its databases lie in them. Safe to
repeat.

Invariant: a replica that has its store already stays there, unless the database's own entry names
another one: who moved it meant it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.backups import actions
from recovery.backups.distance import APART_KM, kilometres
from recovery.backups.facts import Site, StoreKind
from recovery.backups.models import BackupReplica, Store
from recovery.inventory.models import Database, Datacenter
from recovery.lab.layout import LabHost, Layout
from recovery.lab.provider.config import mounts_of, site_of
from recovery.lab.settings import LabSettings
from recovery.lab.stores.entries import BUCKET, BUCKET_PORT, PROVIDER_PORT
from recovery.lab.stores.secrets import Secrets

REASON = "The lab's file says so."


def register_stores(
    layout: Layout, settings: LabSettings, secrets: Secrets, *, actor: Actor, now: datetime
) -> int:
    """Each store, and the replicas of each database; how many replicas have their store."""
    secrets.ensure(*layout.store_names())
    sites = {row.name: row for row in Datacenter.objects.all()}
    stores = [
        _register(place, sites[place.datacenter], settings, secrets, actor=actor, now=now)
        for place in layout.places(settings.network)
    ]
    for entry in layout.databases:
        database = Database.objects.select_related("datacenter").get(name=entry.name)
        _assign(database, entry.backups, stores, actor=actor, now=now)
    return BackupReplica.objects.count()


def _register(
    place: LabHost,
    site: Datacenter,
    settings: LabSettings,
    secrets: Secrets,
    *,
    actor: Actor,
    now: datetime,
) -> Store:
    access, secret = secrets.reading(place.name)
    keys = {"access_key": access, "secret_key": secret}
    kind, port, bucket = StoreKind.S3, BUCKET_PORT, BUCKET
    if place.kind == "snapshots":
        kind, port, bucket = StoreKind.SNAPSHOT, PROVIDER_PORT, site_of(place.datacenter)
        keys["mounts"] = str(mounts_of(settings, place.datacenter))
    return actions.register_store(
        name=place.name,
        kind=kind,
        place=site,
        address=f"http://{place.address}:{port}",
        bucket=bucket,
        credentials=keys,
        actor=actor,
        reason=REASON,
        now=now,
    )


def _assign(
    database: Database,
    named: Sequence[str],
    stores: Sequence[Store],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    by_name = {row.name: row for row in stores}
    chosen = [by_name[name] for name in named] or list(_chosen(database, stores))
    taken = {} if named else dict(database.backups.values_list("number", "store"))
    for number, store in enumerate(chosen, start=1):
        if number not in taken:
            actions.assign_replica(
                database=database, number=number, store=store, actor=actor, reason=REASON, now=now
            )


def _chosen(database: Database, stores: Sequence[Store]) -> Iterator[Store]:
    """Replica 1 at home; each other one in the next datacenter of the file that is far enough from
    those before it; the third is the provider's."""
    buckets = [row for row in stores if row.kind == StoreKind.S3]
    clouds = [row for row in stores if row.kind == StoreKind.SNAPSHOT]
    first = next((row for row in buckets if row.place == database.datacenter), None)
    if first is None:
        return
    yield first
    second = _next(buckets, (first,))
    if second is None:
        return
    yield second
    third = _next(clouds, (first, second))
    if third is not None:
        yield third


def _next(stores: Sequence[Store], others: Sequence[Store]) -> Store | None:
    """The first after the last of the others, round the file, that is far from all of them."""
    sites = [row.place_id for row in stores]
    begin = sites.index(others[-1].place_id) + 1 if others[-1].place_id in sites else 0
    for row in [*stores[begin:], *stores[:begin]]:
        if all(_are_apart(row, other) for other in others):
            return row
    return None


def _are_apart(one: Store, other: Store) -> bool:
    apart = kilometres(_site(one), _site(other))
    return apart is not None and apart > APART_KM


def _site(row: Store) -> Site | None:
    place = row.place
    return Site(place.name, place.latitude, place.longitude) if place else None
