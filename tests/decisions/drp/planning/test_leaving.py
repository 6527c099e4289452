"""What a plan leaves as it is is said, in the shipped runbooks on the shipped lab, too."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml

from recovery.drp.expecting import expected
from recovery.drp.facts import Kind, Mode
from recovery.drp.looking import World
from recovery.drp.plan import Plan, canonical, digest_of
from recovery.drp.planning.inventory import (
    ApplicationSight,
    DatabaseSight,
    Inventory,
    SiteSight,
    Wish,
)
from recovery.drp.planning.leaving import BY_HAND, by_hand, leaving, refuse_unnamed
from recovery.drp.planning.resolve import resolve
from recovery.drp.runbooks.reading import read_runbook
from tests.decisions.drp.books import book, raw
from tests.decisions.drp.worlds import POINT, database, inventory, plan

LAB = yaml.safe_load((Path(__file__).parents[4] / "recovery/lab/lab.yaml").read_text())
SITES = [site["name"] for site in LAB["datacenters"]]
BOOKS = {
    "datacenter-lost": Mode.DISASTER,
    "datacenter-unreachable": Mode.DISASTER,
    "evacuation": Mode.PLANNED,
    "return": Mode.PLANNED,
}


def lab() -> Inventory:
    """As `make up` makes it: each database with its copies, its archives in other datacenters."""
    where = {
        host["name"]: site["name"]
        for site in LAB["datacenters"]
        for rack in site["racks"]
        for host in rack["hosts"]
    }
    return Inventory(
        "production",
        tuple(SiteSight(name, name, 1) for name in SITES),
        tuple(_database(one, where) for one in LAB["databases"]),
        tuple(
            ApplicationSight(
                one["name"], one["name"], frozenset(SITES), one["containers"], one["priority"], 1
            )
            for one in LAB["applications"]
        ),
    )


def _database(one: dict[str, Any], where: dict[str, str]) -> DatabaseSight:
    lead, *others = one["members"]
    return DatabaseSight(
        id=one["name"],
        name=one["name"],
        home=where[lead],
        plan=one["plan"],
        priority=50,
        epoch=1,
        standbys=frozenset(where[host] for host in others),
        restorable=("replica 2", POINT),
    )


def on_lab(name: str, lost: str, into: str, there: Inventory) -> Plan:
    wish = Wish(BOOKS[name], lost, into, f"{lost} is dark.")
    return resolve(book(name), digest_of(raw(name).encode()), wish, there)


def taken(found: Plan) -> set[str]:
    return {target.key for step in found.steps for wave in step.waves for target in wave}


@pytest.mark.parametrize("name", BOOKS)
def test_no_database_of_the_shipped_lab_is_left_out_silently(name: str) -> None:
    there = lab()
    for lost, into in permutations(SITES, 2):
        found, told = on_lab(name, lost, into, there), leaving(on_lab(name, lost, into, there))
        hands = {one.target.name for one in found.left_out if one.reason == BY_HAND}
        for row in (row for row in there.databases if row.home == lost):
            is_said = told is not None and row.name in told.names and row.name in told.said
            assert f"database:{row.id}" in taken(found) or row.name in hands or is_said


@pytest.mark.parametrize("name", ["datacenter-lost", "datacenter-unreachable"])
def test_whatever_of_the_shipped_lab_is_lost_every_database_is_brought_back(name: str) -> None:
    there = lab()
    for lost, into in permutations(SITES, 2):
        found = on_lab(name, lost, into, there)
        assert leaving(found) is None
        assert found.left_out == ()
        quoted = {quote.name for quote in found.quotes}
        assert quoted == {row.name for row in there.databases if row.home == lost}


def test_a_database_without_a_standby_there_is_restored_and_the_plan_says_why() -> None:
    found = on_lab("datacenter-lost", "PAR1", "OSU2", lab())
    names = [target.name for target in found.step("restore-business").waves[0]]
    assert names == ["orders-pg", "sessions-valkey"]
    assert {quote.reason for quote in found.quotes} == {"it has no standby in OSU2"}
    assert found.step("restore-business").wants_passkey
    said = expected(found, World("PAR1", "OSU2", (), ()))["restore-business"][1]
    assert "orders-pg: restored from replica 2" in said
    assert "because it has no standby in OSU2" in said


def test_one_with_a_standby_there_is_promoted_and_not_restored() -> None:
    found = plan()
    restored = [one.name for wave in found.step("restore-business").waves for one in wave]
    assert restored == ["crm"]
    assert not {one.target.name for one in found.left_out} & {"crm", "orders", "ident"}


def test_what_no_step_chooses_is_left_out_and_said() -> None:
    text = raw().replace("plan: business, standby: missing", "plan: starter, standby: missing")
    there = read_runbook(text.encode(), "x.yaml")
    wish = Wish(Mode.DISASTER, "PAR1", "OSU2", "PAR1 is dark.")
    rows = (database("crm", standbys=frozenset()), database("notes", "starter"))
    found = resolve(there, digest_of(b"x"), wish, inventory(databases=rows))
    told = leaving(found)
    assert told is not None
    assert told.said == "This plan leaves 1 of 2 databases down: crm."
    assert told.is_down
    less = text.replace("select: {of: lost, copies: one}", "select: {of: lost, copies: more}")
    shorter = resolve(read_runbook(less.encode(), "x.yaml"), digest_of(b"x"), wish, inventory())
    assert [(one.step, one.target.name) for one in shorter.left_out if one.step == ""] == [
        ("", "cron")
    ]


def test_who_starts_it_nevertheless_names_each_that_it_leaves() -> None:
    found = plan()
    told = leaving(found)
    assert told is not None
    assert told.said == "This plan leaves 1 of 5 databases down: wiki."
    assert refuse_unnamed(found, []).startswith(told.said)
    assert refuse_unnamed(found, ["wiki", "crm"])
    assert refuse_unnamed(found, ["wiki"]) == ""
    assert refuse_unnamed(plan(mode=Mode.SIMULATION), []) == ""


def test_what_a_plan_leaves_is_part_of_what_is_signed() -> None:
    found = plan()
    whole = plan(
        there=inventory(
            databases=tuple(
                replace(row, restorable=("replica 2", POINT)) for row in inventory().databases
            )
        )
    )
    assert leaving(whole) is None
    assert canonical(found) != canonical(whole)
    assert b"no copy of it that is left can be restored" in canonical(found)


def test_an_evacuation_names_what_people_move_by_hand_and_asks_nothing_more() -> None:
    found = on_lab("evacuation", "OSU2", "PAR1", lab())
    named = {(one.step, one.target.name) for one in found.left_out}
    assert named == {("business-by-hand", "town-pg"), ("starter", "canteen-pg")}
    assert leaving(found) is None
    assert by_hand(found) == ("town-pg", "canteen-pg")
    assert by_hand(found, "starter") == ("canteen-pg",)
    assert by_hand(found, "freeze") == ()
    assert [step.id for step in found.steps if step.kind is Kind.MANUAL and step.waves] == [
        "business-by-hand",
        "starter",
        "thaw",
    ]


def test_a_return_that_takes_no_run_back_says_what_stays_where_it_is() -> None:
    told = leaving(on_lab("return", "OSU2", "PAR1", lab()))
    assert told is not None
    assert told.said == "This plan leaves 2 of 2 databases in OSU2: town-pg, canteen-pg."
    assert told.asks
    assert not told.is_down
