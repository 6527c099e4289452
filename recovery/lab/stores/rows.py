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
from recovery.backups.specs import store_spec
from recovery.inventory.models import Database, Datacenter
from recovery.lab.layout import LabHost, Layout
from recovery.lab.provider.config import mounts_of, site_of
from recovery.lab.settings import LabSettings
from recovery.lab.stores.entries import BUCKET, BUCKET_PORT, PROVIDER_PORT
from recovery.lab.stores.secrets import Secrets
from recovery.own.folder import OwnFolder

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
    _assign(None, (), stores, actor=actor, now=now)
    _tell_own(settings, secrets)
    return BackupReplica.objects.count()


def _tell_own(settings: LabSettings, secrets: Secrets) -> None:
    """What archives Tocsin itself: where to, with a pair that may write, and the public half of
    the recovery key that the lab's operator keeps."""
    rows = BackupReplica.objects.filter(database=None).exclude(store__kind=StoreKind.SNAPSHOT)
    for row in rows.select_related("store"):
        pair = secrets.writing(row.store.name)
        OwnFolder(settings.state).put_store(row.number, store_spec(row.store), pair)
    if rows:
        secrets.give_recovery(OwnFolder(settings.state).recovery)


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
    database: Database | None,
    named: Sequence[str],
    stores: Sequence[Store],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    by_name = {row.name: row for row in stores}
    home = database.datacenter if database else home_of(stores)
    chosen = [by_name[name] for name in named] or list(_chosen(home, stores))
    rows = BackupReplica.objects.filter(database=database)
    taken = {} if named else dict(rows.values_list("number", "store"))
    for number, store in enumerate(chosen, start=1):
        if number not in taken:
            actions.assign_replica(
                database=database, number=number, store=store, actor=actor, reason=REASON, now=now
            )


def home_of(stores: Sequence[Store]) -> Datacenter | None:
    """Tocsin stands where the lab's first store does."""
    return next((row.place for row in stores if row.kind == StoreKind.S3), None)


def _chosen(home: Datacenter | None, stores: Sequence[Store]) -> Iterator[Store]:
    """Replica 1 at home; each other one in the next datacenter of the file that is far enough from
    those before it; the third is the provider's."""
    buckets = [row for row in stores if row.kind == StoreKind.S3]
    clouds = [row for row in stores if row.kind == StoreKind.SNAPSHOT]
    first = next((row for row in buckets if row.place == home), None)
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
