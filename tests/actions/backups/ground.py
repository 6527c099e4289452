"""A database in PAR1 with its three backup replicas, in rows and in stores of memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from recovery.backups import actions
from recovery.backups.cycle import judge_promises, read_archives
from recovery.backups.facts import Database as Facts
from recovery.backups.facts import StoreKind
from recovery.backups.models import BackupReplica, Store
from recovery.backups.queries import database_facts
from recovery.core import transitions
from recovery.inventory.facts import DatabaseState, Role
from recovery.inventory.models import Database, Datacenter
from tests.actions.failover.fleet import copy, describe
from tests.scenes import scene
from tests.support.archives import Stores, write_base, write_snapshot, write_wal
from tests.support.fleet import BY, NOW, make_fleet

PLACES = {1: "PAR1", 2: "OSU2", 3: "MRS1"}


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)


def make_store(name: str, site: str | None, **more: str) -> Store:
    """A store in memory that the rows hold to be a folder."""
    return actions.register_store(
        name=name,
        kind=StoreKind.DIRECTORY,
        place=Datacenter.objects.get(name=site) if site else None,
        address=f"/srv/{name}",
        credentials=more or None,
        actor=BY,
        reason="test",
        now=NOW,
    )


def assign(
    database: Database | None, number: int, store: Store, now: datetime = NOW
) -> BackupReplica:
    return actions.assign_replica(
        database=database, number=number, store=store, actor=BY, reason="test", now=now
    )


@dataclass
class Ground:
    """Rows, and the stores behind them."""

    stores: Stores = field(default_factory=Stores)

    def read(self, now: datetime) -> int:
        return read_archives(opened=self.stores.open, now=now)

    def look(self, now: datetime) -> int:
        """Read and judge, as the worker does."""
        self.read(now)
        return judge_promises(now=now)

    def facts(self, name: str = "orders-pg") -> Facts:
        (found,) = database_facts(name)
        return found

    def state(self, number: int, name: str = "orders-pg") -> str:
        return BackupReplica.objects.get(database__name=name, number=number).state


def make_ground(*, engine: str = "postgresql", name: str = "orders-pg") -> Ground:
    """Three sites, a database in PAR1, and a store in each site for its three replicas."""
    _backed_up(engine, name)
    return Ground()


@scene
def _backed_up(engine: str, name: str) -> None:
    fleet = make_fleet()
    database = describe(name, engine=engine)
    copy(database, fleet.hosts["par1-r1-h1"], 1, Role.PRIMARY)
    database.refresh_from_db()
    transitions.move(database, DatabaseState.SERVING, actor=BY, reason="test", now=NOW)
    for number, site in PLACES.items():
        assign(database, number, make_store(f"s3-{site.lower()}", site))


def back_up(ground: Ground, *, upto: datetime, end: str = "0/2000200") -> None:
    """A base two hours ago and the log to here in all three stores; a snapshot for others."""
    for site in ("par1", "osu2", "mrs1"):
        store = ground.stores[f"s3-{site}"]
        write_base(store, "orders-pg", NOW - timedelta(hours=2))
        write_wal(store, "orders-pg", upto=upto, begin="0/2000000", end=end)


def snap(ground: Ground, at: datetime, *sites: str, name: str = "cache") -> None:
    """A daily snapshot in these sites' stores."""
    for site in sites:
        write_snapshot(ground.stores[f"s3-{site}"], name, at)
