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
from recovery.lab.layout import Layout
from recovery.lab.settings import LabSettings
from recovery.lab.stores.entries import BUCKET, BUCKET_PORT
from recovery.lab.stores.secrets import Secrets

REASON = "The lab's file says so."


def register_stores(
    layout: Layout, settings: LabSettings, secrets: Secrets, *, actor: Actor, now: datetime
) -> int:
    """Each store, and replicas 1 and 2 of each database; how many replicas have their store."""
    secrets.ensure([entry.name for entry in layout.stores])
    sites = {row.name: row for row in Datacenter.objects.all()}
    stores: list[Store] = []
    for place in layout.places(settings.network):
        access, secret = secrets.reading(place.name)
        row = actions.register_store(
            name=place.name,
            kind=StoreKind.S3,
            place=sites[place.datacenter],
            address=f"http://{place.address}:{BUCKET_PORT}",
            bucket=BUCKET,
            credentials={"access_key": access, "secret_key": secret},
            actor=actor,
            reason=REASON,
            now=now,
        )
        stores.append(row)
    for entry in layout.databases:
        database = Database.objects.select_related("datacenter").get(name=entry.name)
        _assign(database, entry.backups, stores, actor=actor, now=now)
    return BackupReplica.objects.count()


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
    """Replica 1 at home; replica 2 in the next datacenter of the file that is far enough."""
    home = next((n for n, row in enumerate(stores) if row.place == database.datacenter), None)
    if home is None:
        return
    yield stores[home]
    for row in [*stores[home + 1 :], *stores[:home]]:
        apart = kilometres(_site(stores[home]), _site(row))
        if apart is not None and apart > APART_KM:
            yield row
            return


def _site(row: Store) -> Site | None:
    place = row.place
    return Site(place.name, place.latitude, place.longitude) if place else None
