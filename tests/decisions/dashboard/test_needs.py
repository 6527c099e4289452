"""What waits for a person says who does what, and where; nothing of it is left to Tocsin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dashboard.needs import known_conditions, needs, needs_about
from dashboard.needs.scene import Fenced, Question, Scene, Site, Stalled, Stuck
from recovery.failover.rounds.ringing import TITLES

STUCK = Stuck("orders-pg", frozenset(), "It is so.", site="PAR1", on="par1-a1", to="par1-b2")


STALLED = Stalled("RS-0001", "orders-pg", "par1-b2", "It does not get on.")


def stuck(*conditions: str, **changes: Any) -> Scene:
    return Scene(stuck=(replace(STUCK, conditions=frozenset(conditions), **changes),))


BEHIND = Fenced("PAR1", "PAR1 is back, behind the fence of DRP-0001.", databases=("orders-pg",))
WAYS = (("DRP-0001", "OSU2", "/recovery/start/?origin=1"),)
ALONE = [
    (Scene(doubt="Its rows were restored."), "/held/", "an approver"),
    (Scene(blind="No gateway answers."), "/processes/", "whoever looks after Tocsin"),
    (Scene(unwatched="Nobody watches."), "/processes/", "whoever looks after Tocsin"),
    (Scene(paused_by="ada"), "/held/", "a responder"),
    (Scene(frozen=("RUN-0007",)), "/#p-frozen", "a responder"),
    (Scene(sites=(Site("PAR1"),)), "/recovery/PAR1/", "a responder"),
    (Scene(sites=(Site("PAR1", 7, "RUN-0007"),)), "/recovery/runs/7/", "whoever its page names"),
    (
        Scene(questions=(Question("q", "Fence PAR1", ("ada", "bob"), "approver"),)),
        "/recovery/approve/q/",
        "ada or bob",
    ),
    (Scene(fenced=(BEHIND,)), "/held/fences/PAR1/lift/", "an approver"),
    (
        Scene(fenced=(replace(BEHIND, ways=WAYS),)),
        "/recovery/start/?origin=1",
        "a responder",
    ),
    (
        Scene(fenced=(replace(BEHIND, ways=WAYS, no_book=True),)),
        "/recovery/runbooks/#shipped",
        "a responder",
    ),
    (
        Scene(fenced=(replace(BEHIND, ways=WAYS, goes_on=(2, "DRP-0002")),)),
        "/recovery/runs/2/",
        "whoever its page names",
    ),
    (Scene(held=("par1-a1",), held_why="A rack is lost."), "/held/", "a responder"),
    (Scene(words=(("s", "db-1", "par1-a1"),)), "/placements/s/release/", "a responder"),
    (Scene(unseated=("web-3",)), "/held/", "a responder"),
    (Scene(alone=("orders-pg",)), "/databases/orders-pg/standby/", "a responder"),
    (Scene(stalled=(STALLED,)), "/databases/orders-pg/restore/call-off/", "a responder"),
    (
        Scene(stalled=(replace(STALLED, may_call_off=False),)),
        "/hosts/par1-b2/",
        "whoever is on site",
    ),
    (
        Scene(stalled=(replace(STALLED, is_over=True),)),
        "/databases/orders-pg/restore/",
        "two responders",
    ),
    (
        Scene(stalled=(replace(STALLED, is_over=True, in_place=True),)),
        "/databases/orders-pg/restore-in-place/",
        "two responders",
    ),
    (stuck("no-candidate", offers=1), "/databases/orders-pg/promote/", "a responder"),
    (stuck("no-candidate", offers=1, people=2), "/databases/orders-pg/promote/", "two responders"),
    (stuck("no-candidate", may_restore=True), "/databases/orders-pg/restore/", "two responders"),
    (
        stuck("no-candidate", may_go_back=True),
        "/databases/orders-pg/restore-in-place/",
        "two responders",
    ),
    (stuck("no-candidate"), "/hosts/par1-a1/", "whoever is on site"),
    (stuck("no-candidate", on=""), "/databases/orders-pg/", "whoever looks after Tocsin"),
    (stuck("no-proof", may_vouch=True), "/databases/orders-pg/vouch/", "two responders"),
    (stuck("no-proof"), "/hosts/par1-a1/", "whoever is on site"),
    (stuck("no-primary"), "/hosts/par1-a1/", "whoever is on site"),
    (stuck("blocked"), "/databases/orders-pg/unblock/", "a responder"),
    (stuck("storm"), "/held/", "a responder"),
    (stuck("unjudged"), "/processes/", "whoever looks after Tocsin"),
    (stuck("promotion-unknown"), "/databases/orders-pg/", "whoever is on site"),
    (stuck("not-verified"), "/databases/orders-pg/", "a responder"),
    (stuck("not-rejoined"), "/databases/orders-pg/", "whoever is on site"),
    (stuck("cp-blind"), "/databases/orders-pg/", "whoever looks after the network"),
    (stuck("unprotected"), "/databases/orders-pg/", "a responder"),
    (stuck("waiting", may_move=True), "/databases/orders-pg/move/", "two responders"),
    (stuck("waiting"), "/hosts/par1-a1/", "whoever is on site"),
]


@pytest.mark.parametrize(("scene", "href", "who"), ALONE)
def test_each_thing_that_waits_for_a_person_says_who_and_where(
    scene: Scene, href: str, who: str
) -> None:
    (found,) = needs(scene)
    assert (found.href, found.who) == (href, who)
    assert found.button
    assert found.why.endswith(".")


def test_nothing_waits_and_nothing_is_said() -> None:
    assert needs(Scene()) == ()


def test_no_condition_that_is_rung_for_is_forgotten() -> None:
    assert known_conditions() == set(TITLES)


def test_what_goes_first_by_itself_waits_for_nobody() -> None:
    assert needs(stuck("held")) == ()


def test_the_databases_of_a_lost_datacenter_are_decided_with_it() -> None:
    scene = replace(stuck("storm", "no-candidate"), sites=(Site("PAR1"),))
    assert [one.href for one in needs(scene)] == ["/recovery/PAR1/"]


def test_the_gravest_is_first_and_each_place_is_named_once() -> None:
    scene = replace(
        stuck("no-candidate", offers=1), paused_by="ada", held=("par1-a1",), unseated=("web-3",)
    )
    assert [one.href for one in needs(scene)] == ["/held/", "/databases/orders-pg/promote/"]


def test_a_page_shows_what_is_about_it_and_what_stops_everything() -> None:
    scene = replace(stuck("no-candidate", offers=1), doubt="So.", words=(("s", "db-1", "h9"),))
    every = needs(scene)
    assert [one.href for one in needs_about(every, "host:h9")] == [
        "/held/",
        "/placements/s/release/",
    ]
    assert "/databases/orders-pg/promote/" in {o.href for o in needs_about(every, "host:par1-a1")}
    assert [one.href for one in needs_about(every, "database:crm-pg")] == ["/held/"]


def test_a_yes_that_is_waited_for_goes_before_everything_else() -> None:
    ask = Question("q", "Fence PAR1", ("ada", "bob"), "approver")
    scene = Scene(doubt="Restored.", paused_by="eve", questions=(ask,), sites=(Site("PAR1"),))
    first = needs(scene)[0]
    assert (first.href, first.people) == ("/recovery/approve/q/", ("ada", "bob"))


def test_a_drills_question_is_named_one_and_comes_after_a_real_loss() -> None:
    ask = Question("q", "Fence", ("ada",), "approver", run="DRP-0004", mode="drill", lost="MRS1")
    first, last = needs(Scene(questions=(ask,), sites=(Site("OSU2"),)))
    assert first.href == "/recovery/OSU2/"
    assert last.button == "Read and answer: drill, Fence"
    assert last.why == "A step of DRP-0004, a drill run of MRS1, waits for a yes."


def test_what_a_plan_that_goes_on_froze_is_not_lifted_by_the_way() -> None:
    lost = (Site("PAR1", 7, "DRP-0007"),)
    going = needs(Scene(frozen=("DRP-0007",), owners={"DRP-0007": 7}, sites=lost))
    assert [one.href for one in going] == ["/recovery/runs/7/"]
    over = needs(Scene(frozen=("DRP-0007",)))
    assert [one.href for one in over] == ["/#p-frozen"]


def test_a_decision_that_was_taken_is_not_asked_for_again() -> None:
    said = "ada decided to activate as DEC-0001."
    (go,) = needs(Scene(sites=(Site("PAR1", decided=said, is_activated=True),)))
    done = Site("PAR1", decided=said, is_activated=True, was_run=True, is_done=True)
    assert needs(Scene(sites=(done,))) == (), "it was run to its end"
    assert (go.href, go.why) == ("/recovery/start/?lost=PAR1", said)
    (wait,) = needs(Scene(sites=(Site("PAR1", decided="ada decided to wait as DEC-0001."),)))
    assert "Activate or wait" not in wait.button
    assert wait.may is None


def test_what_is_set_apart_behind_a_fence_is_about_its_databases_too() -> None:
    every = needs(Scene(fenced=(replace(BEHIND, ways=WAYS),)))
    for name in ("site:PAR1", "database:orders-pg"):
        (found,) = needs_about(every, name)
        assert found.button == "Plan the return of PAR1 from OSU2"
    assert needs_about(every, "database:crm-pg") == ()


def test_who_is_blind_by_a_cut_is_led_to_what_cuts_before_its_own_processes() -> None:
    how = "mrs1-b1 sees par1-b2 alive."
    first, second = needs(Scene(blind="Only 4 of 8 hosts are heard.", cut=(("PAR1", how),)))
    assert (first.button, first.href) == (
        "Look at the network between Tocsin and PAR1",
        "/recovery/PAR1/",
    )
    assert how in first.why
    assert second.href == "/processes/"
