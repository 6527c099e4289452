"""A fleet with databases and backups, of which PAR1 is lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from recovery.backups import actions as backups
from recovery.backups.reading import FinishedRun, Look, Reading
from recovery.brief.canon import canonical, document
from recovery.brief.parts import Brief
from recovery.brief.queries import fleet_at
from recovery.core import clock
from recovery.inventory.models import Host
from tests.dashboard import bases, fleet
from tests.dashboard.archives import seed_stores
from tests.dashboard.bases import Base
from tests.dashboard.losing import lose_datacenter


@dataclass
class Town:
    """Everything as of `now`."""

    hosts: dict[str, Host]
    bases: dict[str, Base]
    now: datetime

    def brief(self, site: str = "PAR1", after: float = 5.0) -> Brief:
        return fleet_at(self.later(after)).brief(site)

    def seen(self, site: str = "PAR1", after: float = 5.0) -> str:
        """What a person is shown."""
        return canonical(document(self.brief(site, after)))

    def later(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def lose(self, site: str = "PAR1") -> None:
        led = [one for one in self.bases.values() if one.row.datacenter.name == site]
        lose_datacenter(site, self.hosts.values(), self.now, led)


AGES = {
    "orders-pg": {"PAR1": 4.0, "OSU2": 9.0, "MRS1": 13 * 3600.0},
    "crm-pg": {"PAR1": 5.0, "OSU2": 45 * 60.0},
    "wiki-pg": {"MRS1": 3.0},
}
"""Seconds before now of the newest restorable moment, by the datacenter that it lies in."""


def archive(seeded: dict[str, Base], now: datetime) -> None:
    """Each archive was read just now; orders-pg is over its promise nowhere, crm-pg in OSU2."""
    stores = seed_stores(now)
    for name, ages in AGES.items():
        for number, (site, age) in enumerate(ages.items(), start=1):
            row = backups.assign_replica(
                database=seeded[name].row, number=number, store=stores[site],
                actor=fleet.BY, reason="Seed.", now=now,
            )  # fmt: skip
            backups.see_archives([Look(row.pk, now, reading(now, age))])


def reading(now: datetime, age: float) -> Reading:
    begun = now - timedelta(hours=3)
    run = FinishedRun("20261128T020000Z-5f3a", begun, begun + timedelta(minutes=2), 4 * 10**9)
    return Reading(
        moment=now - timedelta(seconds=age), lsn="0/3C0A1B8", tail="", base=run.backup,
        missing=(), is_cut=False, bytes=6 * 10**9, objects=40, orphans=0, runs=(run,),
    )  # fmt: skip


@pytest.fixture
def town(db: None) -> Town:
    now = clock.system.now()
    hosts = fleet.seed_demo(now)
    seeded = bases.seed_bases(hosts, now)
    away = [hosts["par1-r1-h02"], hosts["osu2-r1-h03"]]
    seeded["far-pg"] = bases.seed_database("far-pg", away, now, port=15460)
    bases.serve(seeded["far-pg"], now)
    archive(seeded, now)
    return Town(hosts, seeded, now)


@pytest.fixture
def lost(town: Town) -> Town:
    town.lose()
    return town
