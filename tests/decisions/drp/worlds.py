"""An inventory with a datacenter to lose, and the plan of a runbook on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from recovery.drp.facts import Mode
from recovery.drp.plan import Plan, digest_of
from recovery.drp.planning.inventory import (
    ApplicationSight,
    DatabaseSight,
    Inventory,
    SiteSight,
    Wish,
)
from recovery.drp.planning.resolve import resolve
from tests.decisions.drp.books import book, raw

POINT = datetime(2026, 11, 29, 1, 0, tzinfo=UTC)
SITES = tuple(SiteSight(f"00{n}", name, 1) for n, name in enumerate(("PAR1", "OSU2", "MRS1")))


def database(name: str, plan: str = "business", **changes: object) -> DatabaseSight:
    there = DatabaseSight(
        id=f"db-{name}",
        name=name,
        home="PAR1",
        plan=plan,
        priority=50,
        epoch=7,
        standbys=frozenset({"OSU2"}) if plan == "business" else frozenset(),
        restorable=("replica 2", POINT),
    )
    return replace(there, **changes)  # type: ignore[arg-type]


def application(name: str, copies: int = 2, **changes: object) -> ApplicationSight:
    there = ApplicationSight(f"app-{name}", name, frozenset({"PAR1"}), copies, 50, 1)
    return replace(there, **changes)  # type: ignore[arg-type]


def inventory(**changes: object) -> Inventory:
    there = Inventory(
        realm="production",
        sites=SITES,
        databases=(
            database("orders", priority=90),
            database("crm", standbys=frozenset({"MRS1"})),
            database("ident", priority=90),
            database("notes", "starter"),
            database("wiki", "starter", restorable=None),
            database("far", home="MRS1"),
        ),
        applications=(application("shop"), application("cron", 1), application("tiles", 4)),
    )
    return replace(there, **changes)  # type: ignore[arg-type]


def plan(
    name: str = "datacenter-lost", mode: Mode = Mode.DISASTER, there: Inventory | None = None
) -> Plan:
    wish = Wish(mode, "PAR1", "OSU2", "PAR1 has been dark for 23 minutes.")
    return resolve(book(name), digest_of(raw(name).encode()), wish, there or inventory())


def drill(name: str = "datacenter-lost") -> Plan:
    return plan(name, Mode.DRILL, inventory(realm="drill"))


def later(seconds: float) -> datetime:
    return POINT + timedelta(seconds=seconds)
