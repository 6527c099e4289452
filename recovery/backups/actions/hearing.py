"""What agents say of the archives that they fill: kept beside what is read there, never instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from recovery.backups.models import ArchiverSight, BackupReplica, JobSight, OwnSight
from recovery.core.wire.backups import BackupFact, StoreFact
from recovery.inventory.facts import ReplicaState
from recovery.inventory.models import Replica

SAID = "nothing is missing in it"
HEARD_EVERY = timedelta(seconds=5)
"""A word that says the same is written so often."""


def hear_archivers(*, host: UUID, facts: Sequence[BackupFact], now: datetime) -> None:
    """The newest word of this host about the databases whose copies it has; what it says of others
    has no effect (A3). A store to which nothing is missing is an "ok" of its job."""
    if not facts:
        return
    own = {
        str(pk): database
        for pk, database in Replica.objects.filter(host=host)
        .exclude(state=ReplicaState.RETIRED)
        .values_list("pk", "database_id")
    }
    told = {own[fact.replica]: fact for fact in facts if fact.replica in own}
    with transaction.atomic():
        due = _due(told, now)
        ArchiverSight.objects.bulk_create(
            [_sight(database, fact, now) for database, fact in due.items()],
            update_conflicts=True,
            unique_fields=["database"],
            update_fields=["at", "state", "done", "total", "spool_bytes", "trouble"],
        )
        note_jobs(words=_words(due, now))


def _due(told: Mapping[UUID, BackupFact], now: datetime) -> dict[UUID, BackupFact]:
    known = {
        row.database_id: row
        for row in ArchiverSight.objects.select_for_update()
        .filter(database__in=told)
        .order_by("pk")
    }
    return {
        database: fact
        for database, fact in sorted(told.items())
        if (row := known.get(database)) is None
        or (row.state, row.trouble) != (fact.state, fact.trouble)
        or now - row.at >= HEARD_EVERY
    }


def _sight(database: UUID, fact: BackupFact, now: datetime) -> ArchiverSight:
    return ArchiverSight(
        database_id=database,
        at=now,
        state=fact.state[:12],
        done=fact.done,
        total=fact.total,
        spool_bytes=fact.spool_bytes,
        trouble=fact.trouble,
    )


def _words(told: Mapping[UUID, BackupFact], now: datetime) -> dict[UUID, tuple[datetime, str]]:
    """By the name of the store, as agent and rows both have it."""
    good = {
        (database, store.name)
        for database, fact in told.items()
        for store in fact.stores
        if _is_ok(fact, store)
    }
    rows = BackupReplica.objects.filter(database__in=told)
    return {
        pk: (now, SAID)
        for pk, database, store in rows.values_list("pk", "database_id", "store__name")
        if (database, store) in good
    }


def hear_own(*, fact: BackupFact, keys: str, at: datetime) -> None:
    """The newest word of the process that archives Tocsin's own database, spoken at `at`. `keys`:
    why its keys are in no store, empty: they are."""
    OwnSight.objects.update_or_create(
        pk=1,
        defaults={
            "at": at,
            "state": fact.state[:12],
            "done": fact.done,
            "total": fact.total,
            "spool_bytes": fact.spool_bytes,
            "trouble": fact.trouble,
            "keys": keys,
        },
    )
    good = [store.name for store in fact.stores if _is_ok(fact, store)]
    rows = BackupReplica.objects.filter(database=None, store__name__in=good)
    note_jobs(words={pk: (at, SAID) for pk in rows.values_list("pk", flat=True)})


def _is_ok(fact: BackupFact, store: StoreFact) -> bool:
    return fact.state == "streaming" and not (fact.trouble or store.trouble or store.missing)


def note_jobs(*, words: Mapping[UUID, tuple[datetime, str]]) -> None:
    """The newest "ok" of the jobs that fill these replicas' archives."""
    JobSight.objects.bulk_create(
        [JobSight(replica_id=pk, ok_at=at, said=said) for pk, (at, said) in sorted(words.items())],
        update_conflicts=True,
        unique_fields=["replica"],
        update_fields=["ok_at", "said"],
    )
