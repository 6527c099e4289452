"""Stores, and which replica of which database lies in which. Too near is refused (B1 to B4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.db import transaction

from recovery.audit.facts import Actor
from recovery.backups import queries
from recovery.backups.distance import violations
from recovery.backups.facts import OWN, Copy, PointState, Site, StoreKind
from recovery.backups.facts import Database as Facts
from recovery.backups.models import ArchiveSight, BackupReplica, JobSight, Store
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.inventory.models import Database, Datacenter


def register_store(
    *,
    name: str,
    kind: StoreKind,
    place: Datacenter | None,
    address: str,
    bucket: str = "",
    credentials: Mapping[str, str] | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Store:
    """The store of this name, made or brought up to date; writes only what differs. Without
    `credentials` those that it has are kept."""
    if not address:
        raise Refused(f"Store {name} has no address: a folder or a URL.", field="address")
    fields = {"kind": str(kind), "place": place, "address": address, "bucket": bucket}
    with transaction.atomic():
        row = Store.objects.filter(name=name).first()
        if row is None:
            row = Store(name=name, **fields)
            row.sealed_secret = row.sealed(dict(credentials or {}))
            return transitions.create([row], actor=actor, reason=reason, now=now)[0]
        changes = {key: value for key, value in fields.items() if getattr(row, key) != value}
        if credentials is not None and row.credentials != dict(credentials):
            changes["sealed_secret"] = row.sealed(dict(credentials))
        if not changes:
            return row
        return transitions.amend(
            row, changes, action="described", actor=actor, reason=reason, now=now
        )


def assign_replica(
    *,
    database: Database | None,
    number: int,
    store: Store,
    actor: Actor,
    reason: str,
    now: datetime,
) -> BackupReplica:
    """Replica `number` of the database (None: Tocsin's own) lies in this store from now on.
    `Refused` where it would lie within 10 km of another one, or nobody knows; what was read
    elsewhere is forgotten."""
    with transaction.atomic():
        if database is None:
            rows = BackupReplica.objects.select_for_update().filter(database=None)
            list(rows.order_by("pk"))
        else:
            Database.objects.select_for_update().get(pk=database.pk)
        row = BackupReplica.objects.filter(database=database, number=number).first()
        if row is not None and row.store_id == store.pk:
            return row
        _check_place(database, number, store, now)
        if row is None:
            row = BackupReplica(
                database=database, number=number, store=store, since=now, state_at=now
            )
            transitions.create([row], actor=actor, reason=reason, now=now)
            ArchiveSight.objects.create(replica=row)
            return row
        return _move_elsewhere(row, store, actor=actor, reason=reason, now=now)


def _move_elsewhere(
    row: BackupReplica, store: Store, *, actor: Actor, reason: str, now: datetime
) -> BackupReplica:
    """Another archive: whatever was known was of the old one."""
    changes = {"store": store, "since": now}
    moved = transitions.amend(
        row, changes, action="moved to another store", actor=actor, reason=reason, now=now
    )
    ArchiveSight.objects.filter(replica=moved).delete()
    JobSight.objects.filter(replica=moved).delete()
    ArchiveSight.objects.create(replica=moved)
    if moved.state == PointState.EMPTY:
        return moved
    return transitions.move(
        moved, PointState.EMPTY, actor=actor, reason=reason, now=now, changes={"state_at": now}
    )


def _check_place(database: Database | None, number: int, store: Store, now: datetime) -> None:
    if number not in (1, 2, 3):
        raise Refused(f"There are backup replicas 1, 2 and 3, and no {number}.", field="number")
    if database is not None and database.name == OWN:
        raise Refused(f"Archives of the name {OWN} are Tocsin's own.", field="database")
    facts = _facts(database, number, store)
    name = facts.name
    if taken := next((c for c in facts.copies if c.store == store.name), None):
        raise Refused(
            f"Replica {taken.number} of {name} lies in {store} already: two in one store are"
            " lost together.",
            field="store",
        )
    site = _site(store)
    new = Copy(key="", number=number, store=store.name, place=site, since=now)
    others = tuple(one for one in facts.copies if one.number != number)
    copies = tuple(sorted((*others, new), key=lambda one: one.number))
    before = set(violations(replace(facts, copies=others)))
    wrong = [each for each in violations(replace(facts, copies=copies)) if each not in before]
    if wrong:
        said = " ".join(f"{each[0].upper()}{each[1:]}" for each in wrong)
        raise Refused(
            f"{name}: {said}",
            field="store",
            kept="Its replicas are as they were.",
            todo="Choose a store in another datacenter.",
        )


def _facts(database: Database | None, number: int, store: Store) -> Facts:
    """Tocsin itself stands where its replica 1 lies, unless somebody said where."""
    if database is not None:
        return queries.database_facts(database.name)[0]
    facts, site = queries.own_facts(), _site(store)
    if number == 1 and site is not None and not settings.TOCSIN_PLACE:
        return replace(facts, home=site, primary=site.name)
    return facts


def _site(store: Store) -> Site | None:
    place = store.place
    return Site(place.name, place.latitude, place.longitude) if place else None
