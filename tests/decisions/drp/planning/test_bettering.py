"""A copy that would lose less than what a plan chose is named, and changes nothing of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recovery.drp.facts import Mode
from recovery.drp.plan import Plan
from recovery.drp.planning.bettering import Better, better
from recovery.drp.planning.drift import drift
from recovery.drp.planning.inventory import CopySight, DatabaseSight
from tests.decisions.drp.worlds import POINT, database, inventory, plan

MINUTE = timedelta(minutes=1)
DIED = POINT + 40 * MINUTE
THIRD = ("replica 3", POINT)
FIRST = ("replica 1", DIED - 26 * MINUTE)


def notes(copy: tuple[str, object], **changes: object) -> DatabaseSight:
    lost = DIED - copy[1]  # type: ignore[operator]
    return database("notes", "starter", restorable=copy, restore_loses=lost, **changes)


def planned(*rows: DatabaseSight) -> Plan:
    return plan(there=inventory(databases=rows))


def found(
    was: tuple[DatabaseSight, ...], now: tuple[DatabaseSight, ...], **how: object
) -> tuple[Better, ...]:
    there = inventory(databases=now)
    told = {"ended": (), "ours": ()} | how
    assert drift(planned(*was), plan(there=there)) == (), "it is no drift"
    return better(planned(*was), plan(there=there), there, **told)  # type: ignore[arg-type]


def test_a_replica_that_is_back_is_named_with_both_losses() -> None:
    (one,) = found((notes(THIRD),), (notes(FIRST),))
    assert one.said == (
        "A better copy is back: replica 1 would lose 26 min of notes instead of 40 min."
    )
    assert found((notes(THIRD),), (notes(THIRD),)) == ()
    assert found((notes(FIRST),), (notes(FIRST),)) == ()


def test_the_replica_that_the_plan_names_is_read_to_its_newest_by_itself() -> None:
    assert found((notes(THIRD),), (notes(("replica 3", DIED - MINUTE)),)) == ()


def test_a_few_seconds_are_no_reason_to_plan_anew() -> None:
    nearly = ("replica 1", POINT + timedelta(seconds=4))
    assert found((notes(THIRD),), (notes(nearly),)) == ()


def test_that_its_primary_died_earlier_makes_no_copy_better() -> None:
    other = database("notes", "starter", restorable=("replica 1", POINT), restore_loses=MINUTE)
    assert found((notes(THIRD),), (other,)) == ()


def test_while_what_leads_lives_nobody_says_what_a_copy_loses() -> None:
    alive = database("notes", "starter", restorable=FIRST)
    assert found((notes(THIRD),), (alive,)) == ()


@pytest.mark.parametrize("how", [{"ended": {"restore-starter"}}, {"ours": {"database:db-notes"}}])
def test_what_this_run_has_taken_already_is_not_told(how: dict[str, object]) -> None:
    assert found((notes(THIRD),), (notes(FIRST),), **how) == ()


def orders(*copies: CopySight) -> DatabaseSight:
    return database("orders", copies=copies, restorable=None)


def held(site: str, lost: timedelta | None) -> CopySight:
    at = None if lost is None else DIED - lost
    return CopySight(site, f"standby {site.lower()}-a1 in {site}", at, lost)


def test_a_standby_in_another_datacenter_says_who_would_have_to_take_over() -> None:
    behind = held("OSU2", 5 * MINUTE)
    (one,) = found((orders(behind),), (orders(behind, held("MRS1", timedelta(0))),))
    assert one.said == (
        "A better copy is there: standby mrs1-a1 in MRS1 would lose 0 s of orders instead of"
        " 5 min, if MRS1 took over."
    )
    assert one.site == "MRS1"


def test_what_nobody_could_tell_of_is_worse_than_what_is_known() -> None:
    unseen = held("OSU2", None)
    (one,) = found((orders(unseen),), (orders(unseen, held("MRS1", MINUTE)),))
    assert "would lose 60 s of orders instead of nobody knows how much" in one.said


def test_a_promotion_takes_the_best_of_its_datacenter_by_itself() -> None:
    assert found((orders(held("OSU2", MINUTE)),), (orders(held("OSU2", timedelta(0))),)) == ()


def test_of_two_that_go_as_far_the_one_is_named_that_moves_no_plan() -> None:
    was = notes(THIRD)
    now = replace(notes(FIRST), copies=(held("MRS1", 26 * MINUTE),))
    (one,) = found((was,), (now,))
    assert (one.source, one.site) == ("replica 1", "")


@pytest.mark.parametrize("mode", [Mode.DRILL, Mode.SIMULATION])
def test_what_loses_nothing_is_never_better(mode: Mode) -> None:
    realm = "drill" if mode is Mode.DRILL else "production"
    was, now = (inventory(realm=realm, databases=(notes(one),)) for one in (THIRD, FIRST))
    old, new = (plan(mode=mode, there=there) for there in (was, now))
    assert better(old, new, now, ended=(), ours=()) == ()
