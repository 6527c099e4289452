"""Databases on a small fleet, made through the same actions that everything else uses."""

from __future__ import annotations

from dataclasses import dataclass

from recovery.inventory import actions
from recovery.inventory.facts import DatabaseDescription, Durability, Plan, Profile, Role
from recovery.inventory.models import Database, Datacenter, Host, Replica
from tests.scenes import scene
from tests.support.fleet import BY, NOW, Fleet, make_fleet


@dataclass(frozen=True, slots=True)
class Pair:
    """A database, its primary and its standbys, on hosts by name."""

    database: Database
    replicas: tuple[Replica, ...]
    fleet: Fleet

    @property
    def hosts(self) -> dict[str, Host]:
        return self.fleet.hosts

    @property
    def primary(self) -> Replica:
        return self.replicas[0]

    @property
    def standby(self) -> Replica:
        return self.replicas[1]


def describe(
    name: str,
    *,
    plan: Plan = Plan.BUSINESS,
    durability: Durability = Durability.SYNCHRONOUS,
    profile: Profile = Profile.FAST,
    engine: str = "postgresql",
    port: int = 15432,
    site: str = "PAR1",
) -> Database:
    """The row of a database, as the lab's file would describe it."""
    return actions.register_database(
        description=DatabaseDescription(
            name=name,
            about="for tests",
            engine=engine,
            plan=plan,
            durability=durability,
            profile=profile,
            unproven_gaps_by="tests" if profile is Profile.FAST else "",
            port=port,
        ),
        datacenter=Datacenter.objects.get(name=site),
        actor=BY,
        reason="test",
        now=NOW,
    )


def copy(database: Database, host: Host, number: int, role: Role) -> Replica:
    """Copy `number` of the database on this host."""
    return actions.register_replica(
        database=database,
        host=host,
        number=number,
        role=role,
        actor=BY,
        reason="test",
        now=NOW,
    )


@scene
def make_pair(name: str = "orders", durability: Durability = Durability.SYNCHRONOUS) -> Pair:
    """A business database in PAR1 with its primary in one rack and its standby in another."""
    fleet = make_fleet()
    database = describe(name, durability=durability)
    hosts = fleet.hosts
    primary = copy(database, hosts["par1-r1-h1"], 1, Role.PRIMARY)
    standby = copy(database, hosts["par1-r2-h1"], 2, Role.STANDBY)
    database.refresh_from_db()
    return Pair(database, (primary, standby), fleet)


def make_starter(name: str = "notes") -> Pair:
    """A database on the starter plan, alone in PAR1."""
    fleet = make_fleet()
    database = describe(
        name, plan=Plan.STARTER, durability=Durability.ASYNCHRONOUS, profile=Profile.STANDARD
    )
    primary = copy(database, fleet.hosts["par1-r1-h1"], 1, Role.PRIMARY)
    database.refresh_from_db()
    return Pair(database, (primary,), fleet)
