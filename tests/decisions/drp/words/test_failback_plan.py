"""The plan of a way back: what is in it, and what of it is signed."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from recovery.drp.decide import need_of
from recovery.drp.facts import Kind, Mode
from recovery.drp.failback import Back, Held, Present, Seat, way_back
from recovery.drp.plan import Plan, canonical, digest, digest_of, read_plan
from recovery.drp.planning.drift import drift
from recovery.drp.planning.inventory import Inventory, Wish
from recovery.drp.planning.leaving import idle_word
from recovery.drp.planning.refusing import refuse_plan
from recovery.drp.planning.resolve import resolve
from tests.decisions.drp.books import book, raw
from tests.decisions.drp.test_failback import FINE, ORDERS, SHOP, THERE, WAY
from tests.decisions.drp.worlds import application, database, inventory


def planned(found: Back | None = None, there: Inventory | None = None) -> Plan:
    """The runbook return, out of OSU2 into PAR1; None: of no run."""
    wish = Wish(Mode.PLANNED, "OSU2", "PAR1", "PAR1 is back.", back=found)
    return resolve(book("return"), digest_of(raw("return").encode()), wish, there or THEN)


ALWAYS = database("always", home="OSU2", standbys=frozenset({"PAR1"}))
THEN = inventory(
    databases=(database("orders", home="OSU2", standbys=frozenset(), epoch=8), ALWAYS),
    applications=(
        application("shop", seats_in=frozenset({"OSU2"})),
        application("tiles", seats_in=frozenset({"OSU2"})),
    ),
)


def moved() -> Back:
    """Of the world above: orders and shop."""
    now = Present({"db-orders": THERE}, {"app-shop": {1: Seat("OSU2", "o", 3)}}, {"db-orders": 8})
    wiki = replace(ORDERS, id="db-wiki", name="wiki")
    return way_back(WAY, [replace(ORDERS, id="db-orders"), wiki, replace(SHOP, id="app-shop")], now)


def targets(found: Plan) -> set[str]:
    taken = {one.name for step in found.steps for wave in step.waves for one in wave}
    return taken & {"orders", "always", "shop", "tiles"}


def test_what_always_was_there_stays_and_is_counted() -> None:
    assert targets(planned()) == {"always", "shop", "tiles"}
    found = planned(moved())
    assert targets(found) == {"orders", "shop"}, "its copy in PAR1 follows before it is switched to"
    left = {one.target.name: one.reason for one in found.left_out}
    assert left["wiki"] == "it is retired since"
    assert left["OSU2"] == (
        "1 database and 1 application there were never moved by DRP-0007, and stay"
    )


def test_only_what_was_decided_to_be_kept_is_in_the_step_that_keeps() -> None:
    found = moved()
    assert planned(found).step("keep").waves == ()
    orders = msgspec.structs.replace(found.moves[0], choice="keep")
    keeps = planned(replace(found, moves=(orders, found.moves[1])))
    for step in ("keep", "discard"):
        assert [one.name for wave in keeps.step(step).waves for one in wave] == ["orders"]
    assert planned().step("discard").waves == (), "of no run nothing was left there"


def test_only_what_was_decided_to_be_exported_is_in_the_step_that_exports() -> None:
    found = moved()
    orders = msgspec.structs.replace(found.moves[0], choice="export")
    exports = planned(replace(found, moves=(orders, found.moves[1])))
    assert exports.step("keep").waves == ()
    for step in ("export", "discard"):
        assert [one.name for wave in exports.step(step).waves for one in wave] == ["orders"]
    assert "export" in exports.step("lift").needs, "nothing follows before"


def test_what_goes_back_is_part_of_what_is_signed() -> None:
    found = planned(moved())
    assert read_plan(canonical(found), digest(found)) == found
    other = msgspec.structs.replace(found.moves[1], copies=(1, 2))
    altered = msgspec.structs.replace(found, moves=(found.moves[0], other))
    assert digest(altered) != digest(found)
    assert digest(planned()) != digest(msgspec.structs.replace(planned(), origin=7))
    assert b"origin" not in canonical(planned()), "plans of no run are as they were"


def test_a_copy_that_goes_elsewhere_meanwhile_is_drift() -> None:
    found = planned(moved())
    assert drift(found, planned(moved())) == ()
    shop = msgspec.structs.replace(found.moves[1], copies=(1, 2))
    fresh = msgspec.structs.replace(found, moves=(found.moves[0], shop))
    assert drift(found, fresh) == ("shop: what goes back of it is not what was approved.",)
    assert drift(found, fresh, busy={"application:app-shop"}) == (), "it moves by our own hand"
    orders = msgspec.structs.replace(found.moves[0], choice="keep")
    decided = msgspec.structs.replace(found, moves=(orders, found.moves[1]))
    assert drift(found, decided) == ("orders: what goes back of it is not what was approved.",)
    of_another = msgspec.structs.replace(found, origin=8)
    assert "It takes back DRP-0007, and would take back DRP-0008." in drift(found, of_another)


def test_a_way_back_of_nothing_is_refused_with_the_reason() -> None:
    nothing = planned(Back(7, "DRP-0007", (), ()))
    assert refuse_plan(nothing).startswith("Nothing that DRP-0007 moved goes back from OSU2 into")


def test_that_a_copy_follows_which_was_to_be_kept_is_drift() -> None:
    def of(*held: Held) -> Plan:
        now = Present({"db-orders": replace(THERE, copies={"PAR1": held})}, {}, {"db-orders": 8})
        way = replace(WAY, keep=frozenset({"db-orders"}))
        return planned(way_back(way, [replace(ORDERS, id="db-orders")], now))

    lost = Held("orders-2", "par1-2", why="its host is lost")
    was = of(FINE, lost)
    said = (
        "orders: what it holds was to be kept. orders-1 on par1-1 is free to follow by itself;"
        " orders-2 on par1-2: not known: its host is lost."
    )
    freed = of(replace(FINE, follows=True), lost)
    assert said in drift(was, freed)
    assert not drift(was, freed, ours={"database:db-orders": 8}), "this run let it go"
    assert not drift(freed, freed), "it followed when the plan was made"
    everyone = of(replace(FINE, follows=True))
    assert any("was to be kept" in one for one in drift(of(FINE), everyone))


def of_copies(*held: Held, fenced: bool = False) -> Plan:
    """orders goes back; these are its copies in PAR1."""
    now = Present({"db-orders": replace(THERE, copies={"PAR1": held})}, {}, {"db-orders": 8})
    back = way_back(WAY, [replace(ORDERS, id="db-orders")], now)
    sites = tuple(replace(one, is_fenced=fenced and one.name == "PAR1") for one in THEN.sites)
    return planned(back, replace(THEN, sites=sites))


def asked_of(found: Plan) -> dict[str, list[str]]:
    return {
        name: [one.name for wave in found.step(name).waves for one in wave]
        for name in ("lift", "discard")
    }


def test_after_an_evacuation_nobody_is_asked_about_a_fence_or_copies_that_follow() -> None:
    """As it handed over: no fence was raised, and what stayed there follows."""
    follows, out = replace(FINE, follows=True), replace(FINE, replica="orders-2")
    evacuated = of_copies(follows)
    assert all(evacuated.step(name).is_idle for name in ("keep", "export", "lift", "discard"))
    assert idle_word(evacuated, evacuated.step("lift")).startswith("There is nothing to lift")
    assert idle_word(evacuated, evacuated.step("discard")) == (
        "There is nothing to let go: each copy in PAR1 follows already."
    )
    assert asked_of(of_copies(follows, out)) == {"lift": ["PAR1"], "discard": ["orders"]}
    assert asked_of(of_copies(follows, fenced=True))["lift"] == ["PAR1"]
    assert asked_of(planned()) == {"lift": [], "discard": []}, "of no run"


def test_nothing_goes_back_without_a_yes_that_nobody_skips() -> None:
    """Seen: the only yes of a way back was of a step that an approver skipped by password."""
    found = of_copies(replace(FINE, follows=True))
    agree = found.step("agree")
    assert (agree.kind, agree.wants_passkey) == (Kind.APPROVAL, True)
    assert need_of(agree, Mode.PLANNED) is not None
    before = {"freeze", "follow", "switch-business", "place", "traffic"}
    assert all("agree" in all_before(found, name) for name in before)


def all_before(found: Plan, name: str) -> set[str]:
    needs = set(found.step(name).needs)
    return needs.union(*(all_before(found, need) for need in needs))


def test_a_fence_that_is_raised_meanwhile_is_drift_and_one_that_is_lifted_is_not() -> None:
    free, fenced = of_copies(replace(FINE, follows=True)), of_copies(FINE, fenced=True)
    said = "lift: PAR1 is a target of it now, and was not when it was approved."
    assert said in drift(free, fenced)
    assert not any(one.startswith(("lift", "discard")) for one in drift(fenced, free))
