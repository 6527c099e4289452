"""Backups in rows for tests of the screens: kept, ageing, late, unread, holed, proven and not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from recovery.audit.facts import Actor
from recovery.backups import actions
from recovery.backups.cycle import judge_promises
from recovery.backups.facts import StoreKind
from recovery.backups.models import BackupReplica, Store
from recovery.backups.reading import FinishedRun, Look, Reading
from recovery.inventory.models import Datacenter
from tests.dashboard.bases import Base
from tests.dashboard.fleet import BY

AGES: Mapping[str, tuple[float | None, float | None, float | None]] = {
    "orders-pg": (4, 9, 13 * 3600),
    "crm-pg": (5, 16 * 60, 13 * 3600),
    "sessions-valkey": (17 * 3600, 17 * 3600, 21 * 3600),
    "wiki-pg": (3, None, 40),
}
"""Seconds before now of each replica's newest restorable moment; None: nothing. fresh-pg has no
replica at all."""
ORDER = ("PAR1", "OSU2", "MRS1")
GAP = "no chunk from 0/3000000 on timeline 1: 4 later chunks are useless"


def seed_stores(now: datetime) -> dict[str, Store]:
    """One in each datacenter, in the region's own way of naming it."""
    return {
        site.name: actions.register_store(
            name=f"s3-{site.name.lower()}",
            kind=StoreKind.S3,
            place=site,
            address=f"http://s3.{site.name.lower()}.internal:8333",
            bucket="backups",
            credentials={"access_key": "tocsin", "secret_key": "for-tests"},
            actor=BY,
            reason="Seed.",
            now=now,
        )
        for site in Datacenter.objects.all()
    }


def seed_backups(seeded: Mapping[str, Base], now: datetime) -> None:
    """A day of history, and how things stand now: OSU2's store was not read for five minutes."""
    stores = seed_stores(now)
    for name, ages in AGES.items():
        home = seeded[name].row.datacenter.name
        places = [home, *(site for site in ORDER if site != home)]
        for number, place in enumerate(places, start=1):
            actions.assign_replica(
                database=seeded[name].row,
                number=number,
                store=stores[place],
                actor=BY,
                reason="Seed.",
                now=now - timedelta(days=4),
            )
        assert len(ages) == len(places)
    _live_a_day(now)
    _prove(now)
    judge_promises(now=now)


def seed_own(now: datetime) -> None:
    """Tocsin's own replicas, each as young as is promised."""
    rows = [
        actions.assign_replica(
            database=None,
            number=number,
            store=Store.objects.get(name=f"s3-{place.lower()}"),
            actor=BY,
            reason="Seed.",
            now=now - timedelta(days=4),
        )
        for number, place in enumerate(ORDER, start=1)
    ]
    looks = []
    for row in rows:
        moment = now - timedelta(seconds=4 * row.number)
        looks.append(Look(row.pk, now, replace(_reading(row, now, now), moment=moment)))
    actions.see_archives(looks)
    judge_promises(now=now)


def _live_a_day(now: datetime) -> None:
    """A look an hour: fresh each time, until the point stopped at its age; the last one now."""
    rows = list(BackupReplica.objects.select_related("database", "store"))
    for hour in range(24, 0, -1):
        at = now - timedelta(hours=hour)
        actions.see_archives([Look(row.pk, at, _reading(row, at, now)) for row in rows])
    last = {row: now - timedelta(minutes=5 * (row.store.name == "s3-osu2")) for row in rows}
    actions.see_archives([Look(row.pk, at, _reading(row, at, now)) for row, at in last.items()])
    error = "s3-osu2: connection refused."
    actions.see_archives([Look(row.pk, now, None, error) for row, at in last.items() if at != now])


def _moment(row: BackupReplica, at: datetime, now: datetime) -> datetime | None:
    age = AGES.get(row.name, (4, 4, 4))[row.number - 1]
    if age is None:
        return None
    newest = now - timedelta(seconds=age)
    if age < 3600:
        return min(at - timedelta(seconds=5), newest)
    return newest if at >= newest else newest - timedelta(days=1)


def _reading(row: BackupReplica, at: datetime, now: datetime) -> Reading:
    moment = _moment(row, at, now)
    begun = now - timedelta(hours=33)
    return Reading(
        moment=moment,
        lsn="0/3C0A1B8" if row.engine == "postgresql" and moment else "",
        tail="",
        base="20261128T020000Z-5f3a" if moment else "",
        missing=() if moment else (GAP,),
        is_cut=moment is None,
        bytes=734_003_200,
        objects=4120,
        orphans=3 if moment is None else 0,
        runs=(FinishedRun("20261128T020000Z-5f3a", begun, begun + timedelta(minutes=2), 9**9),),
        opens=begun if row.engine == "postgresql" and moment else None,
    )


def _prove(now: datetime) -> None:
    """orders-pg's replicas 1 and 2 were restored, one of crm-pg's could not be."""
    by = Actor("worker", "backups")
    for name, number, days in (("orders-pg", 1, 3), ("orders-pg", 2, 9), ("crm-pg", 3, 1)):
        replica = BackupReplica.objects.get(database__name=name, number=number)
        begun = now - timedelta(days=days)
        why = f"Drawn: not proven for {days + 12} days."
        proof = actions.begin_proof(replica=replica, why=why, actor=by, now=begun)
        if name == "crm-pg":
            said = "part-00007 of backup 20261128T020000Z-5f3a was altered."
            actions.fail_proof(proof=proof, said=said, actor=by, now=begun)
            continue
        actions.pass_proof(
            proof=proof,
            recoverable_to=begun - timedelta(seconds=7),
            bytes_restored=734_003_200,
            seconds=9.2,
            said="The newest canary was read back.",
            actor=by,
            now=begun + timedelta(seconds=10),
        )
