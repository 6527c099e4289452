"""What is seen of a condition, and what a simulation expects of each step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.drp.expecting import expected
from recovery.drp.facts import Mode
from recovery.drp.looking import HostLook, Look, ServiceLook, Serving, Unfit, World, look
from recovery.drp.runbooks.kinds import Condition
from tests.decisions.drp.worlds import database, inventory, plan

GONE = HostLook("p1", "PAR1", is_heard=False, is_gone=True)
HEARD = HostLook("p2", "PAR1", is_heard=True, is_gone=False)
ROOMY = HostLook("o1", "OSU2", is_heard=True, is_gone=False, free=1000)
DOWN = ServiceLook("database:a", "orders", "PAR1", False, False, is_fenced=True)
UP = ServiceLook("database:b", "ident", "OSU2", True, True)
APP = ServiceLook("application:c", "shop", "PAR1", False, False, needs=900)
WORLD = World("PAR1", "OSU2", (GONE, ROOMY), (DOWN, UP, APP), serving=())
SERVES = (Serving("application:c", "shop", "p2"), Serving("application:c", "shop", "p3"))
OPPOSITE = replace(
    WORLD,
    hosts=(HEARD, ROOMY),
    services=(
        replace(DOWN, is_serving=True, is_whole=True, is_restorable=False, is_fenced=False),
        replace(APP, is_serving=True, is_whole=True, needs=2000),
    ),
    serving=SERVES,
    blind="All agents are silent at once.",
    frozen="amelie: it burns",
)
NOW = {
    Condition.DATACENTER_IS_SILENT: (100, 0),
    Condition.DATACENTER_IS_BACK: (0, 100),
    Condition.DESTINATION_IS_THERE: (100, 100),
    Condition.DATACENTER_IS_FENCED: (100, 0),
    Condition.TOCSIN_SEES: (100, 0),
    Condition.AUTOMATION_IS_FROZEN: (0, 100),
    Condition.CAPACITY_IS_THERE: (100, 50),
    Condition.COPIES_ARE_RESTORABLE: (100, 0),
    Condition.DATABASES_SERVE: (50, 100),
    Condition.APPLICATIONS_ANSWER: (0, 100),
    Condition.REDUNDANCY_IS_WHOLE: (33, 100),
    Condition.DATACENTER_IS_EMPTY: (100, 0),
}


@pytest.mark.parametrize("condition", list(Condition))
def test_each_condition_is_looked_at_and_says_its_figures(condition: Condition) -> None:
    seen = look(condition, WORLD), look(condition, OPPOSITE)
    assert (seen[0].share, seen[1].share) == NOW[condition]
    assert all(one.said for one in seen)


@pytest.mark.parametrize("condition", sorted(set(Condition) - {"tocsin_sees", "capacity_is_there"}))
def test_nothing_to_look_at_is_never_fine(condition: str) -> None:
    empty = World("PAR1", "OSU2", (), ())
    assert not look(Condition(condition), empty).holds(1)


def test_who_is_missing_is_named() -> None:
    assert look(Condition.DATABASES_SERVE, WORLD).said == (
        "1 of 2 databases accept writes. Not yet: orders."
    )
    some = replace(WORLD, only=frozenset({"database:b"}))
    assert look(Condition.DATABASES_SERVE, some).holds()


def test_what_still_serves_in_what_is_left_is_named() -> None:
    led = tuple(Serving(f"database:{one}", one, "p2") for one in ("d", "a", "c", "b"))
    hosts = (HEARD, replace(HEARD, name="p3"))
    seen = look(Condition.DATACENTER_IS_EMPTY, replace(WORLD, hosts=hosts, serving=led))
    assert seen.said == "In PAR1 users are still served by 4 databases (a, b, c and 1 more)."
    assert seen.share == 50
    both = look(Condition.DATACENTER_IS_EMPTY, replace(WORLD, hosts=hosts, serving=led + SERVES))
    assert both.said.endswith("(a, b, c and 1 more) and 1 application (shop).")
    assert both.share == 0
    assert look(Condition.DATACENTER_IS_EMPTY, WORLD) == Look(100, "Nothing in PAR1 serves users.")
    silent = tuple(replace(one, is_seen=False) for one in SERVES)
    doubted = look(Condition.DATACENTER_IS_EMPTY, replace(WORLD, hosts=hosts, serving=silent))
    assert doubted.said == (
        "Whether PAR1 still serves 1 application (shop) nobody knows: their hosts are silent."
    )
    assert not doubted.holds()
    unseen = look(Condition.DATACENTER_IS_EMPTY, replace(WORLD, serving=None))
    assert unseen == Look(0, "Nobody looked at what serves in PAR1.")


def test_a_simulated_evacuation_says_what_will_serve_on_where_it_is() -> None:
    """Its steps lead users elsewhere, but for what has no standby there."""
    rows = (
        database("orders"),
        database("bare", standbys=frozenset()),
        database("notes", "starter"),
    )
    there = plan("evacuation", Mode.SIMULATION, inventory(databases=rows))
    names = {"orders": "db-orders", "bare": "db-bare", "notes": "db-notes", "shop": "app-shop"}
    kinds = {"db": "database", "ap": "application"}
    serving = tuple(Serving(f"{kinds[key[:2]]}:{key}", name, "p2") for name, key in names.items())
    works, said = expected(there, replace(WORLD, serving=serving))["empty"]
    assert (works, said) == (
        False,
        "In PAR1 users are still served by 2 databases (bare, notes).",
    )
    led = replace(WORLD, serving=(serving[0], serving[3]))
    assert expected(there, led)["empty"] == (True, "Nothing in PAR1 serves users.")
    lacks = Unfit("shop", 2, "250 CPU, 128 MiB", "no host has disk=ssd", memory_mib=256)
    works, said = expected(there, replace(led, unfit=(lacks,)))["empty"]
    assert (works, said) == (False, "In PAR1 users are still served by 1 application (shop).")


def test_a_database_that_only_does_not_serve_us_is_not_fenced() -> None:
    cut = replace(WORLD, services=(replace(DOWN, is_fenced=False),))
    assert look(Condition.DATACENTER_IS_FENCED, cut).share == 0


def test_a_way_back_takes_what_is_led_elsewhere_once_the_fence_is_lifted() -> None:
    sites = tuple(replace(one, is_fenced=one.name == "OSU2") for one in inventory().sites)
    behind = inventory(databases=(database("orders"),), sites=sites)
    there = plan("return", Mode.SIMULATION, behind)
    fenced = replace(ROOMY, is_heard=False)
    told = expected(there, replace(WORLD, hosts=(HEARD, fenced)))
    assert told["lift"] == (True, "Asks 1 of role approver. 1 in 1 wave: OSU2.")
    assert told["back"] == (False, "0 of 1 hosts of OSU2 answer and are trusted. Not yet: o1.")
    lifted = expected(there, OPPOSITE)
    assert [name for name, (works, _) in lifted.items() if not works] == []
    assert lifted["switch-business"][1].endswith("1 in 1 wave: orders.")
    assert lifted["place"][1].startswith("3 in 1 wave: ")


def test_room_and_copies_are_about_what_the_plan_takes_and_say_what_it_leaves() -> None:
    """Who started it has named what it leaves; a second no to it would only teach to skip."""
    said = "This plan leaves 1 of 1 database down: orders."
    there = replace(WORLD, out=frozenset({DOWN.key}), leaving=said)
    room, copies = (
        look(condition, there)
        for condition in (Condition.CAPACITY_IS_THERE, Condition.COPIES_ARE_RESTORABLE)
    )
    assert room == Look(100, f"900 MiB are needed, 1000 MiB are free in OSU2. {said}")
    assert copies == Look(100, f"No database is brought back by a step. {said}")
    bad = replace(DOWN, key="database:z", name="wiki", is_restorable=False)
    worse = replace(there, services=(*there.services, bad))
    assert not look(Condition.COPIES_ARE_RESTORABLE, worse).holds()
    assert "Not yet: wiki." in look(Condition.COPIES_ARE_RESTORABLE, worse).said
    verify = look(Condition.DATABASES_SERVE, there)
    assert not verify.holds(), "nobody reads that all is well while something is down"


def test_what_finds_no_room_is_named_and_what_stays_takes_none() -> None:
    big = replace(APP, key="application:d", name="tiles", needs=800)
    small = replace(APP, key="application:e", name="cron", needs=100)
    there = replace(WORLD, services=(APP, big, small))
    seen = look(Condition.CAPACITY_IS_THERE, there)
    assert seen == Look(
        55,
        "1800 MiB are needed, 1000 MiB are free in OSU2. No room for tiles (800 MiB).",
    )
    drilled = look(Condition.CAPACITY_IS_THERE, replace(there, room="on the hosts for drills"))
    assert "1000 MiB are free on the hosts for drills." in drilled.said
    less = replace(there, out=frozenset({big.key}), leaving="This plan leaves tiles down.")
    assert look(Condition.CAPACITY_IS_THERE, less).holds()


def test_what_was_lost_goes_wherever_there_is_room_and_the_check_says_so() -> None:
    big = replace(APP, key="application:d", name="tiles", needs=800)
    third = replace(ROOMY, name="m1", site="MRS1", free=900)
    there = replace(WORLD, services=(APP, big), hosts=(*WORLD.hosts, third))
    said = "1700 MiB are needed, 1000 MiB are free in OSU2"
    into = look(Condition.CAPACITY_IS_THERE, there)
    assert into == Look(58, f"{said}. No room for tiles (800 MiB).")
    wide = look(Condition.CAPACITY_IS_THERE, replace(there, anywhere=True))
    assert wide == Look(100, f"{said} and 900 MiB elsewhere.")


def test_a_simulation_says_of_each_step_whether_it_would_work() -> None:
    there = plan(mode=Mode.SIMULATION)
    told = expected(there, WORLD)
    assert set(told) == {step.id for step in there.steps}
    assert told["silent"] == (True, "1 of 1 hosts of PAR1 are lost.")
    assert told["room"] == (True, "900 MiB are needed, 1000 MiB are free in OSU2.")
    works, said = told["promote-business"]
    assert works
    assert said.endswith("2 in 1 wave: ident, orders.")
    assert "crm: restored from replica 2" in told["restore-business"][1]
    assert told["restore-starter"][1].endswith("wiki: no copy of it that is left can be restored.")
    assert told["fence"] == (True, "Asks 1 of role approver. 1 in 1 wave: PAR1.")
    assert told["verify"][0], "the run itself brings it about"
    alive = expected(there, OPPOSITE)
    assert alive["silent"] == (False, "0 of 1 hosts of PAR1 are lost. Not yet: p2.")
    assert not alive["room"][0]


def test_what_finds_no_host_is_no_room_although_memory_is_free() -> None:
    there = plan(mode=Mode.SIMULATION)
    lacks = Unfit("search", 2, "250 CPU, 128 MiB", "no host has disk=ssd", memory_mib=256)
    places = [step for step in there.steps if step.kind == "place_applications" and step.waves]
    mine = places[0].waves[0][0].name
    told = expected(there, replace(WORLD, unfit=(lacks, replace(lacks, name=mine))))
    works, why = told[places[0].id]
    assert not works
    said = f"{mine} (2 containers, each 250 CPU, 128 MiB): no host has disk=ssd"
    assert why.endswith(f"Finds no host elsewhere: {said}.")
    for step in places[1:]:
        assert told[step.id][0], "another step's lack is told there"
    room = next(one for one in there.steps if one.params.get("that") == "capacity_is_there")
    told = expected(there, replace(WORLD, unfit=(lacks,)))
    assert told[room.id] == (True, expected(there, WORLD)[room.id][1]), "it is none that is taken"
    searching = replace(APP, key="application:f", name="search", needs=300)
    lacking = replace(WORLD, services=(*WORLD.services, searching), unfit=(lacks,))
    assert look(Condition.CAPACITY_IS_THERE, replace(lacking, unfit=())).holds(80)
    assert look(Condition.CAPACITY_IS_THERE, lacking) == Look(
        78,
        "1200 MiB are needed, 1000 MiB are free in OSU2. No room for search (300 MiB)."
        f" Memory is not all: {lacks.said}.",
    )
