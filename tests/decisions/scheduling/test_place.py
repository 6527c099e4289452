"""Which host gets a seat, who goes first, and what is said when nothing fits (H2, H4, I-CT-4)."""

from __future__ import annotations

from dataclasses import replace

from recovery.inventory.facts import Replace, Verdict
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import Policy, SeatState
from recovery.scheduling.what_if import outlooks, what_if
from tests.decisions.scheduling.build import NOW, app, host, seat, world


def test_copies_spread_over_datacenters_then_racks_then_the_least_loaded_host() -> None:
    hosts = [
        host("a1", "A", "r1"),
        host("a2", "A", "r1"),
        host("a3", "A", "r2"),
        host("b1", "B", "r1"),
    ]
    places = decide(world(hosts, [app("shop", 3)]), NOW).places
    racks = {h.id: (h.datacenter, h.rack) for h in hosts}
    assert {racks[p.host] for p in places} == {("A", "r1"), ("A", "r2"), ("B", "r1")}


def test_equal_hosts_are_filled_evenly() -> None:
    hosts = [host(name) for name in "abc"]
    places = decide(world(hosts, [app(f"app{n}") for n in range(6)]), NOW).places
    assert sorted(p.host for p in places) == ["a", "a", "b", "b", "c", "c"]


def test_each_rejected_host_is_counted_once_with_its_reason() -> None:
    hosts = [
        host("full1", capacity=(4000, 300)),
        host("full2", capacity=(4000, 312)),
        host("held"),
        host("closed", cordoned=True),
        host("gone", verdict=Verdict.LOST, replace=Replace.ALLOWED),
    ]
    given = world(hosts, [app("shop", 2, need=(100, 512))], [seat("shop", "held")])
    (missing,) = decide(given, NOW).unplaced
    assert missing.binding == "memory_mib"
    assert missing.reason == (
        "2 hosts: not enough memory (short by 200 MiB at best) · 1 host: cordoned · "
        "1 host: not alive · 1 host: already holds a seat of shop"
    )
    assert sum(count for _, count in missing.rejected) == len(hosts)


def test_labels_are_demanded_and_named() -> None:
    given = world([host("a")], [app("gpu", labels=["ssd"])])
    (missing,) = decide(given, NOW).unplaced
    assert (missing.binding, missing.reason) == ("labels", "1 host: without the label ssd")
    assert len(decide(world([host("a", labels=["ssd"])], [app("gpu", labels=["ssd"])]), NOW).places)


def test_a_host_whose_label_others_need_counts_as_half_fuller_for_who_does_not() -> None:
    hosts = [
        host("fast", labels=["ssd"], capacity=(1000, 1000)),
        host("slow", labels=["rack"], capacity=(1000, 1000)),
    ]
    asked = frozenset({"ssd"})
    given = world(hosts, [app("web1", need=(100, 400)), app("web2", need=(100, 200))])
    assert {p.host for p in decide(replace(given, asked=asked), NOW).places} == {"slow"}
    assert {p.host for p in decide(given, NOW).places} == {"fast", "slow"}, "nobody asks for it"
    more = [*given.applications, app("web3", need=(100, 100))]
    full = decide(replace(given, applications=tuple(more), asked=asked), NOW).places
    assert [p.host for p in full] == ["slow", "slow", "fast"]


def test_who_asks_for_a_label_is_not_kept_from_it_and_one_that_fits_nowhere_else_neither() -> None:
    hosts = [host("fast", labels=["ssd"]), host("slow", capacity=(100, 100))]
    given = world(hosts, [app("search", labels=["ssd"]), app("web", need=(200, 100))])
    places = decide(replace(given, asked=frozenset({"ssd"})), NOW).places
    assert {p.host for p in places} == {"fast"}


def test_what_a_plan_has_frozen_gives_no_seat_and_says_so() -> None:
    given = world([host("a"), host("b")], [app("shop", 2)])
    frozen = replace(given, policy=Policy(frozen="DRP-0007 froze rescheduling for amelie."))
    told = decide(frozen, NOW)
    assert told.places == ()
    assert [one.reason for one in told.waiting] == [
        "a copy is wanted and there is none; DRP-0007 froze rescheduling for amelie."
    ] * 2
    assert len(decide(given, NOW).places) == 2


def test_hosts_that_are_not_open_take_nothing() -> None:
    closed = [
        host("a", cordoned=True),
        host("b", draining=True),
        host("c", quarantined=True),
        host("d", verdict=Verdict.SUSPECT),
        host("e", deaf=True),
    ]
    decision = decide(world(closed, [app("shop")]), NOW)
    assert decision.places == ()
    assert {name for name, _ in decision.unplaced[0].rejected} == {
        "cordoned", "draining", "in quarantine", "not alive", "taking no orders",
    }  # fmt: skip


def test_without_any_host_the_sentence_says_so() -> None:
    assert decide(world([], [app("shop")]), NOW).unplaced[0].reason == "there is no host"


def test_the_first_copy_of_a_dead_application_precedes_a_higher_priority() -> None:
    room_for_one = [
        host("a", verdict=Verdict.LOST, replace=Replace.ALLOWED),
        host("b", capacity=(100, 128)),
        host("c", capacity=(100, 128)),
    ]
    apps = [app("vip", 2, priority=9), app("blog", 1)]
    given = world(room_for_one, apps, [seat("vip", "a"), seat("vip", "c", 2), seat("blog", "a")])
    decision = decide(given, NOW)
    assert [p.application for p in decision.places] == ["blog"]
    assert [u.want.application for u in decision.unplaced] == ["vip"]


def test_further_copies_of_a_dead_application_take_their_turn_by_priority() -> None:
    hosts = [host("b", capacity=(100, 128)), host("c", capacity=(100, 128))]
    lost = host("a", verdict=Verdict.LOST, replace=Replace.ALLOWED)
    lost2 = host("a2", verdict=Verdict.LOST, replace=Replace.ALLOWED)
    live = host("d", capacity=(100, 128))
    apps = [app("vip", 2, priority=9), app("blog", 2)]
    seats = [
        seat("vip", "a"), seat("vip", "d", 2), seat("blog", "a"), seat("blog", "a2", 2),
    ]  # fmt: skip
    decision = decide(world([lost, lost2, live, *hosts], apps, seats), NOW)
    assert [p.application for p in decision.places] == ["blog", "vip"]


def test_at_equal_priority_the_application_that_lost_the_larger_share_goes_first() -> None:
    lost = host("a", verdict=Verdict.LOST, replace=Replace.ALLOWED)
    hosts = [lost, host("b", capacity=(300, 384)), host("c", capacity=(100, 128))]
    apps = [app("aaa", 3), app("zzz", 2)]
    seats = [
        seat("aaa", "a"), seat("aaa", "b", 2), seat("aaa", "c", 3), seat("zzz", "a"),
        seat("zzz", "b", 2),
    ]  # fmt: skip
    decision = decide(world([*hosts, host("d", capacity=(100, 128))], apps, seats), NOW)
    assert [p.application for p in decision.places] == ["zzz"]


def test_what_if_names_what_stops_what_degrades_and_what_does_not_fit() -> None:
    hosts = [host("a", "A"), host("b", "B"), host("c", "C", capacity=(200, 256))]
    apps = [app("single"), app("pair", 2), app("big", need=(3000, 4096))]
    seats = [seat("single", "a"), seat("pair", "a"), seat("pair", "b", 2), seat("big", "b")]
    given = world(hosts, apps, seats)
    a = what_if(given, ["a"], NOW)
    assert (a.stops, a.degraded, a.moved, a.unplaced) == (("single",), ("pair",), 2, ())
    b = what_if(given, ["a", "b"], NOW)
    assert b.stops == ("big", "pair", "single")
    assert "big" in {u.want.application for u in b.unplaced}
    assert b.containers == 4


def test_there_is_an_outlook_for_each_datacenter_rack_and_host() -> None:
    hosts = [host("a", "A"), host("b", "A"), host("c", "B")]
    names = [outlook.name for outlook in outlooks(world(hosts, []), NOW)]
    assert names == ["A", "B", "A r1", "B r1", "a", "b", "c"]


def test_a_lost_seat_is_not_counted_as_running_in_an_outlook() -> None:
    hosts = [host("a"), host("b", verdict=Verdict.LOST, replace=Replace.HELD), host("c")]
    seats = [seat("pair", "a"), seat("pair", "b", 2, state=SeatState.LOST)]
    assert what_if(world(hosts, [app("pair", 2)], seats), ["a"], NOW).stops == ("pair",)
